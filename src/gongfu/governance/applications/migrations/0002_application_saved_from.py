from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("applications", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="saved_from",
            field=models.CharField(blank=True, editable=False, max_length=32),
        ),
    ]
