// The picture of the tables: bytes and time of each contestant, as bars, for a light and a dark page.

const LEFT = 196;
const WIDTH = 720;
const ROW = 18;

/**
 * The bars of one group after the other, on a logarithmic scale: shorter is better.
 * @param {{ heading: string, unit: (value: number) => string, bars: { name: string, value: number, ours: boolean }[] }[]} groups
 * @param {string} label
 */
export function chart(groups, label) {
  let y = 14;
  const parts = [];
  for (const { heading, unit, bars } of groups) {
    const values = bars.map(({ value }) => value);
    const low = Math.min(...values) / 2;
    const scale = (WIDTH - LEFT - 90) / Math.log(Math.max(...values) / low);
    parts.push(`<text class="h" x="10" y="${y + 6}">${heading}</text>`);
    y += 18;
    for (const { name, value, ours } of bars.toSorted((one, other) => one.value - other.value)) {
      const length = Math.log(value / low) * scale;
      parts.push(
        `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${name}</text>` +
          `<rect class="${ours ? 'us' : 'them'}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="14" rx="2"/>` +
          `<text x="${(LEFT + length + 6).toFixed(1)}" y="${y + 12}">${unit(value)}</text>`,
      );
      y += ROW;
    }
    y += 16;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="${label}">
<style>
text { font: 13px system-ui, sans-serif; fill: #57606a }
.h { font-weight: 600; fill: #24292f }
.us { fill: #1f6feb }
.them { fill: #9aa4af }
@media (prefers-color-scheme: dark) {
text { fill: #9ea7b3 }
.h { fill: #e6edf3 }
.us { fill: #58a6ff }
.them { fill: #6e7681 }
}
</style>
${parts.join('\n')}
</svg>
`;
}
