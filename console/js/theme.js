// Light or dark, before the first picture is drawn. A plain script, so that the page never flashes.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem('punchcard.theme');
    } catch {
      // Without storage the system's choice holds.
    }
    const theme = chosen === 'light' || chosen === 'dark' ? chosen : dark.matches ? 'dark' : 'light';
    document.documentElement.dataset.theme = theme;
  };
  dark.addEventListener('change', apply);
  addEventListener('storage', apply);
  addEventListener('punchcard:theme', apply);
  apply();
})();
