/** The address of a view: `#/monitoring?model=loan-approval`. */

/** The three pages. */
export type Page = "canvas" | "monitoring" | "playground";

/** What the address says. */
export interface Route {
  page: Page;
  model: string | null;
  bundle: string | null;
}

/** The pages in the order of the navigation. */
export const PAGES: readonly { page: Page; title: string }[] = [
  { page: "canvas", title: "Canvas" },
  { page: "monitoring", title: "Monitoring" },
  { page: "playground", title: "Playground" },
];

/** Reads the address; an unknown page is the canvas. `?bundle=` may stand before or after the hash. */
export function current(location: Location): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const inner = new URLSearchParams(query);
  const outer = new URLSearchParams(location.search);
  const page = PAGES.find((entry) => entry.page === path)?.page ?? "canvas";
  return {
    page,
    model: inner.get("model") ?? outer.get("model"),
    bundle: inner.get("bundle") ?? outer.get("bundle"),
  };
}

/** The address of a page, keeping model and bundle. */
export function href(route: Route): string {
  const query = new URLSearchParams();
  if (route.model) query.set("model", route.model);
  if (route.bundle) query.set("bundle", route.bundle);
  return query.size > 0 ? `#/${route.page}?${query}` : `#/${route.page}`;
}
