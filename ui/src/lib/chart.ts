/** chart.js with only the parts we draw with; imported dynamically by Chart.svelte. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
);

export { Chart };

/** Our look: the page's font, quiet grid, no animation (numbers move live), whole height of its box. */
export function withDefaults(
  config: ChartConfiguration,
  colours: { ink: string; line: string },
): ChartConfiguration {
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  Chart.defaults.font = font;
  Chart.defaults.color = colours.ink;
  Chart.defaults.borderColor = colours.line;
  return {
    ...config,
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: 'index', intersect: false },
      ...config.options,
    },
  } as ChartConfiguration;
}
