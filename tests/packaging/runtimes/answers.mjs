// What the object API answers to the vectors and to values that only JavaScript has; runs in every runtime.

const throwing = () => {
  throw new Error('no');
};
const cyclic = () => {
  const cycle = { list: [] };
  cycle.list.push(cycle);
  return cycle;
};
const deep = (levels) => Array.from({ length: levels }).reduce((value) => ({ a: value }), 1);
const wide = Array.from({ length: 30 }).reduce((value) => ({ a: value, b: value }), {});

/** Values that no JSON has. */
const hostile = () => [
  undefined,
  10n,
  Symbol('x'),
  throwing,
  new Date(0),
  new Date(Number.NaN),
  new Map([['host', 'x']]),
  new Set([1]),
  new Uint8Array(8),
  new Float64Array(1e5),
  cyclic(),
  deep(40),
  deep(5000),
  wide,
  new Proxy({}, { ownKeys: throwing }),
  new Proxy([], { get: throwing }),
  { toJSON: throwing },
  Object.defineProperty({}, 'host', { get: throwing, enumerable: true }),
  'x'.repeat(2 << 20),
  '\ud800',
];

/** The reports on the vectors of settings and events, on values that no JSON has, and on a mail. */
export function answers({ validate, readSettings, readEvent, inspect }, { settings, events, mail }) {
  return {
    settings: settings.flatMap(({ settings, options }) => [
      validate(settings, options),
      readSettings(JSON.stringify(settings), options),
    ]),
    events: events.flatMap((event) => [readEvent(event), readEvent(JSON.stringify(event))]),
    hostile: hostile().flatMap((value) => [
      validate({ host: value }),
      readSettings(value),
      readEvent({ id: 'evt', data: { value } }),
      inspect(value),
    ]),
    // Nothing above has left a mark.
    again: [validate(settings[0].settings), readEvent(events[0])],
    mail: inspect(mail, { locale: 'nl' }),
  };
}
