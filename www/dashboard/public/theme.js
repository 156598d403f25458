// Runs before the first paint, so that a remembered theme never flashes.
try {
  const theme = localStorage.getItem("nearside.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be blocked; the system's theme is used then.
}
