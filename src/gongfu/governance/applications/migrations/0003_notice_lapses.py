from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("applications", "0002_application_saved_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="lapses",
            field=models.BooleanField(
                default=True,
                help_text="By itself, when the days for it are over. Otherwise an official decides.",
                verbose_name="What is not completed in time counts as withdrawn",
            ),
        ),
    ]
