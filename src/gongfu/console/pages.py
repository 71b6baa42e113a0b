"""Addresses of the console's own pages."""

from __future__ import annotations

from django.urls import path

from gongfu.console import health, home, needs, preferences, profile, search, sign_in

urlpatterns = [
    path("", home.home_page, name="home"),
    path("figures.json", home.home_figures, name="home-figures"),
    path("sign-in/", sign_in.sign_in_page, name="sign-in"),
    path("sign-in/second-factor/", sign_in.second_factor_page, name="second-factor"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("me/", profile.profile_page, name="profile"),
    path("me/person", profile.save_person, name="profile-person"),
    path("me/password", profile.change_password, name="profile-password"),
    path("me/second-factor/", profile.second_factor_set_up, name="second-factor-set-up"),
    path("me/second-factor/change", profile.second_factor_change, name="second-factor-change"),
    path("me/needs/", needs.needs_page, name="needs-me"),
    path("me/needs/count/", needs.count_part, name="needs-count"),
    path("me/language", preferences.set_language, name="language"),
    path("me/theme", preferences.set_theme, name="theme"),
    path("search/", search.search_page, name="search"),
    path("administration/processes/", health.processes_page, name="processes"),
    path("about/", health.about_page, name="about"),
]
