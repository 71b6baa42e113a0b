// Runs before the first paint, so that a dark page never flashes white. A classic script, on purpose.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const apply = () => {
    const wish = root.dataset.theme;
    root.dataset.bsTheme = wish === "light" || wish === "dark" ? wish : dark.matches ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", apply);
  new MutationObserver(apply).observe(root, { attributeFilter: ["data-theme"] });
})();
