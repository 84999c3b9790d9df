// Which colours the page wears: what was chosen, else what the system wants. Runs before the first paint, so it is no
// module. Others read `data-chosen-theme`, and choose by the event "theme" on the window.
(() => {
  const { dataset } = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const wear = () => {
    dataset.theme = dataset.chosenTheme === "system" ? (system.matches ? "dark" : "light") : dataset.chosenTheme;
  };
  const choose = (name) => {
    dataset.chosenTheme = name === "light" || name === "dark" ? name : "system";
    wear();
  };
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* storage may be forbidden */ }
  choose(kept);
  system.addEventListener("change", wear);
  addEventListener("theme", (event) => {
    choose(event.detail);
    try {
      if (dataset.chosenTheme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", dataset.chosenTheme);
    } catch { /* it holds until the page is loaded again */ }
  });
})();
