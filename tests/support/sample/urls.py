"""The console with the sample module in it."""

from __future__ import annotations

from gongfu.console import modules
from gongfu.console.urls import compose
from sample import pages

handler400 = "gongfu.kernel.pages.errors.bad_request"
handler403 = "gongfu.kernel.pages.errors.forbidden"
handler404 = "gongfu.kernel.pages.errors.not_found"
handler500 = "gongfu.kernel.pages.errors.broken"
urlpatterns = compose([*modules.resources(), *pages.RESOURCES])
