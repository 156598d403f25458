/** The parts of ECharts that the charts use. Loaded on demand by `<ns-chart>`. */

import { BarChart, LineChart, type BarSeriesOption, type LineSeriesOption } from "echarts/charts";
import {
  GridComponent,
  MarkLineComponent,
  TooltipComponent,
  type GridComponentOption,
  type MarkLineComponentOption,
  type TooltipComponentOption,
} from "echarts/components";
import { init, use, type ComposeOption, type EChartsType } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

/** The options that these parts accept. */
export type Option = ComposeOption<BarSeriesOption | LineSeriesOption | GridComponentOption | MarkLineComponentOption | TooltipComponentOption>;

use([BarChart, LineChart, GridComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

interface PolicyFactory {
  defaultPolicy: unknown;
  createPolicy(name: string, rules: { createHTML(html: string): string }): unknown;
}

// The renderer empties its element with `innerHTML = ""`. Under Trusted Types that one string is let through, nothing else.
const factory = (window as { trustedTypes?: PolicyFactory }).trustedTypes;
if (factory && !factory.defaultPolicy) {
  factory.createPolicy("default", {
    createHTML: (html) => {
      if (html === "") return html;
      throw new TypeError("HTML from strings is not allowed on this page");
    },
  });
}

/** An empty chart in an element. */
export function create(element: HTMLElement): EChartsType {
  return init(element, null, { renderer: "svg" });
}
