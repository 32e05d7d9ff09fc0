// Draws a chart with uPlot. Loaded after the page stands.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { isolated, positive, type Mark, type Series } from "./series";

export interface Options {
  element: HTMLElement;
  times: number[];
  series: Series[];
  isLogarithmic: boolean;
  isPercent: boolean;
  height: number;
  zone: string;
  marks: Mark[];
  axisTime: (seconds: number, increment: number) => string;
  axisValue: (value: number) => string;
  onIndex: (index: number | null) => void;
  onZoom: ((from: number, to: number) => void) | null;
}

export interface Plot {
  update: (times: number[], series: Series[]) => void;
  /** Moves the cursor to an index. */
  show: (index: number | null) => void;
  canvas: () => HTMLCanvasElement;
  destroy: () => void;
}

/** Resolves tokens to colours that a canvas takes. */
function palette(element: HTMLElement): (token: string, alpha?: number) => string {
  const probe = document.createElement("span");
  element.append(probe);
  return (token, alpha = 1) => {
    probe.style.color = `var(--${token})`;
    const colour = getComputedStyle(probe).color;
    if (alpha === 1) return colour;
    const [red = 0, green = 0, blue = 0] = colour.match(/[\d.]+/g)?.map(Number) ?? [];
    return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
  };
}

/** Powers of ten, which have a line on a logarithmic scale. */
const decades = (_: uPlot, splits: number[]): (number | null)[] =>
  splits.map((value) => (Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6 ? value : null));

const dataOf = (times: number[], series: Series[], isLogarithmic: boolean): uPlot.AlignedData => [
  times.map((time) => time / 1000),
  ...series.map(({ values }) => (isLogarithmic ? positive(values) : values)),
];

export function draw(options: Options): Plot {
  const { element, series, isLogarithmic, isPercent, height, zone, axisTime, axisValue } = options;
  const colour = palette(element);
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: colour("text-3"), font, ticks: { show: false }, grid: { stroke: colour("line"), width: 1 } };
  const plot = new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      cursor: {
        y: false,
        drag: { x: options.onZoom !== null, y: false, setScale: false },
        points: { size: 7 },
      },
      scales: {
        x: { time: true },
        y: isLogarithmic
          ? { distr: 3, range: (_, min, max) => (min > 0 && max > 0 ? [10 ** Math.floor(Math.log10(min)), 10 ** Math.ceil(Math.log10(max * 1.01))] : [1, 1000]) }
          : { range: (_, __, max) => [0, isPercent ? 100 : max > 0 ? max * 1.08 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 30, space: 72, values: (_, splits, __, ___, increment) => splits.map((at) => axisTime(at, increment)) },
        { ...axis, size: 62, space: 36, ...(isLogarithmic ? { grid: { ...axis.grid, filter: decades } } : {}), values: (_, splits) => splits.map((value) => (value === null ? "" : axisValue(value))) },
      ],
      series: [
        {},
        ...series.map(
          (line): uPlot.Series => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.75,
            spanGaps: false,
            points: { show: true, size: 5, width: 0, fill: colour(line.colour), filter: (self, index) => isolated(self.data[index] ?? []) },
            ...(line.isDashed === true ? { dash: [5, 4] } : {}),
            ...(line.isFilled === true ? { fill: colour(line.colour, 0.12) } : {}),
          }),
        ),
      ],
      bands: series.flatMap((line, index) => {
        const below = series.findIndex(({ key }) => key === line.over);
        return below < 0 ? [] : [{ series: [index + 1, below + 1] as [number, number], fill: colour(line.colour, 0.14) }];
      }),
      hooks: {
        setCursor: [(self) => options.onIndex(self.cursor.idx ?? null)],
        setSelect: [
          (self) => {
            if (self.select.width < 4 || options.onZoom === null) return;
            const at = (position: number): number => self.posToVal(position, "x") * 1000;
            options.onZoom(at(self.select.left), at(self.select.left + self.select.width));
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        draw: [
          (self) => {
            const context = self.ctx;
            context.save();
            context.strokeStyle = colour("text-3");
            context.setLineDash([2, 4]);
            for (const { at } of options.marks) {
              const left = Math.round(self.valToPos(at / 1000, "x", true));
              if (left < self.bbox.left || left > self.bbox.left + self.bbox.width) continue;
              context.beginPath();
              context.moveTo(left, self.bbox.top);
              context.lineTo(left, self.bbox.top + self.bbox.height);
              context.stroke();
            }
            context.restore();
          },
        ],
      },
    },
    dataOf(options.times, series, isLogarithmic),
    element,
  );
  const observer = new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height });
  });
  observer.observe(element);
  return {
    update: (times, lines) => plot.setData(dataOf(times, lines, isLogarithmic)),
    show(index) {
      const at = index === null ? undefined : plot.data[0][index];
      plot.setCursor(at === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(at, "x"), top: 0 }, false);
    },
    canvas: () => plot.ctx.canvas,
    destroy() {
      observer.disconnect();
      plot.destroy();
      element.replaceChildren();
    },
  };
}
