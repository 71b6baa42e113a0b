"""Entry of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [MenuEntry("identity", _("Resolution path"), "identity-path", "sitemap", 60, under="identity-look-up")]
