/** The theme's colours as a chart library can use them. */

const NAMES = ["ink", "ink-2", "ink-3", "rule", "surface", "now", "then", "good", "warn", "bad"] as const;

/** Resolved colours by role. */
export type Inks = Record<(typeof NAMES)[number], string> & { font: string };

/** Resolves the theme's custom properties where the element stands. */
export function inks(element: Element): Inks {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  ) as Record<(typeof NAMES)[number], string>;
  probe.remove();
  return { ...found, font: getComputedStyle(element).fontFamily };
}
