/** The options of each chart: plain functions from numbers and colours to what ECharts draws. */

import { percent, tick } from "../format.js";
import type { MetricPoint, Scores } from "../types.js";
import type { Option } from "./engine.js";
import type { Inks } from "./inks.js";

function frame(inks: Inks): Option {
  return {
    animation: false,
    textStyle: { fontFamily: inks.font, color: inks["ink-3"] },
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      backgroundColor: inks.surface,
      borderColor: inks.rule,
      textStyle: { color: inks.ink, fontSize: 12.5, fontFamily: inks.font },
      axisPointer: { type: "line", lineStyle: { color: inks["ink-3"], width: 1, type: "solid" } },
    },
    grid: { left: 6, right: 10, top: 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
  };
}

const label = (inks: Inks): { color: string; fontSize: number; hideOverlap: boolean } => ({ color: inks["ink-3"], fontSize: 12, hideOverlap: true });
const lines = (inks: Inks): { lineStyle: { color: string } } => ({ lineStyle: { color: inks.rule } });

/** Which number of a point a series shows. */
export interface SeriesSpec {
  value: (point: MetricPoint) => number | null;
  format: (value: number) => string;
  name: string;
  kind: "bar" | "line";
  limit: number | null;
  /** Top of the axis where it is known, as for shares. */
  top: number | null;
}

/** The stretch of time that a series is drawn over; where its ends are not known, the points make them. */
export interface Stretch {
  from: number | null;
  to: number | null;
  step: number;
}

/** One number over time, with its limit. */
export function series(points: MetricPoint[], spec: SeriesSpec, stretch: Stretch): (inks: Inks) => Option {
  const from = stretch.from ?? points[0]?.at ?? 0;
  const to = stretch.to ?? points.at(-1)?.at ?? 0;
  const data = points.flatMap((point, index): [number, number | null][] => {
    const own: [number, number | null] = [point.at, spec.value(point)];
    const next = points[index + 1]?.at ?? point.at;
    // Nothing arrived in between: the line must not bridge that.
    return next - point.at > stretch.step ? [own, [point.at + stretch.step, null]] : [own];
  });
  const top = spec.top ?? roundTop(Math.max(0, ...data.map(([, value]) => value ?? 0)), spec.limit);
  return (inks) => {
    const common = {
      name: spec.name,
      data,
      ...(spec.limit === null ? {} : { markLine: limitLine(spec.limit, inks) }),
    };
    return {
      ...frame(inks),
      xAxis: {
        type: "time",
        min: from,
        max: to,
        // The charts of one panel share their axis, whether they draw bars or lines.
        containShape: false,
        axisLine: lines(inks),
        axisTick: { show: false },
        axisLabel: { ...label(inks), margin: 11, alignMinLabel: "left", formatter: (at: number) => tick(at, to - from) },
        splitNumber: 4,
      },
      yAxis: {
        type: "value",
        min: 0,
        max: top,
        interval: top / 2,
        splitLine: lines(inks),
        axisLabel: { ...label(inks), formatter: spec.format },
      },
      tooltip: {
        ...(frame(inks).tooltip as object),
        valueFormatter: (value: unknown) => (typeof value === "number" ? spec.format(value) : "no data"),
      },
      series: [
        spec.kind === "bar"
          ? { ...common, type: "bar", barMaxWidth: 10, itemStyle: { color: inks.now, borderRadius: [2, 2, 0, 0] } }
          : {
              ...common,
              type: "line",
              // A point without neighbours has no line, so each has its dot.
              showSymbol: true,
              symbol: "circle",
              symbolSize: points.length < 40 ? 5 : 3,
              connectNulls: false,
              lineStyle: { color: inks.now, width: 2 },
              itemStyle: { color: inks.now },
            },
      ],
    };
  };
}

/** The next round number whose half is round too; a limit is drawn as long as it leaves the values visible. */
function roundTop(most: number, limit: number | null): number {
  const wanted = limit !== null && limit <= 8 * most ? Math.max(most, limit) : most;
  if (wanted <= 0) return 2;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return ([2, 4, 6, 8, 10].find((times) => times * power >= wanted) ?? 20) * power;
}

function limitLine(value: number, inks: Inks): { silent: true; symbol: "none"; label: { show: false }; lineStyle: object; data: { yAxis: number }[] } {
  return { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: inks.warn, type: "dashed", width: 1.5 }, data: [{ yAxis: value }] };
}

/** Shares of now against the reference, bin by bin. */
export function bins(labels: string[], now: number[], reference: (number | null)[]): (inks: Inks) => Option {
  return (inks) => ({
    ...frame(inks),
    tooltip: {
      ...(frame(inks).tooltip as object),
      axisPointer: { type: "shadow", shadowStyle: { color: inks.rule, opacity: 0.4 } },
      valueFormatter: (value: unknown) => percent(Number(value)),
    },
    xAxis: { type: "category", data: labels, axisLine: lines(inks), axisTick: { show: false }, axisLabel: label(inks) },
    yAxis: { type: "value", splitNumber: 3, splitLine: lines(inks), axisLabel: { ...label(inks), formatter: (value: number) => percent(value, 0) } },
    series: [
      { name: "Reference", type: "bar", data: reference, itemStyle: { color: inks.then, borderRadius: [2, 2, 0, 0] }, barGap: "0%", barCategoryGap: "24%" },
      { name: "Now", type: "bar", data: now, itemStyle: { color: inks.now, borderRadius: [2, 2, 0, 0] } },
    ],
  });
}

/** Score counts as shares beside the reference. */
export function scores({ edges, counts, reference }: Scores): { labels: string[]; now: number[]; reference: number[] } {
  const total = counts.reduce((sum, value) => sum + value, 0);
  const labels = counts.map((_, index) => `${(edges[index] ?? 0).toFixed(2)}–${(edges[index + 1] ?? 1).toFixed(2)}`);
  return { labels, now: counts.map((value) => (total > 0 ? value / total : 0)), reference };
}
