// Mutations of documents and bytes. All chance comes from a seeded generator, so a seed names a run.

/** A generator of numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values that programs trip over. Text that stands for itself in JSON is `{raw}`. */
const HOSTILE = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  { raw: '1e400' },
  { raw: '-0' },
  { raw: '1e-400' },
  { raw: `${'9'.repeat(400)}` },
  { raw: '"\\ud800"' },
  { raw: '"\\u0000"' },
  { raw: '{"a":1,"a":2}' },
  { raw: 'NaN' },
  '',
  ' ',
  'a'.repeat(70_000),
  '\r\nBcc: victim@example.org',
  '\u202egpj.exe',
  '\u200b\u2066\u00ad',
  '<script>alert(1)</script>',
  '{{ data }}{% for a in b %}',
  '../../etc/passwd',
  "' OR 1=1 --",
  '%s%n%00',
  '=?utf-8?q?=0D=0A?=',
  'a@[127.0.0.1]',
  '"a b"@example.org',
  'jos\u00e9@ex\u00e4mple.org',
  '2026-13-45T99:99:99Z',
  '9999-12-31T23:59:60Z',
  [],
  {},
  [[[[[[[[]]]]]]]],
  { ['__proto__']: { polluted: true }, constructor: 1 },
];

/** JSON text of a value in which `{raw}` stands for itself. */
export function text(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`;
  if (typeof value.raw === 'string' && Object.keys(value).length === 1) return value.raw;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${text(member)}`);
  return `{${members.join(',')}}`;
}

export class Mutator {
  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
  }

  /** A whole number below `limit`. */
  below(limit) {
    return Math.floor(this.random() * limit);
  }

  one(list) {
    return list[this.below(list.length)];
  }

  /** Whether something happens that does so once in `times`. */
  oneIn(times) {
    return this.below(times) === 0;
  }

  /** A copy of a document with one to four changes somewhere in it. What is below `kept` stays where it is. */
  document(value, kept = []) {
    const copy = structuredClone(value);
    for (let left = 1 + this.below(4); left > 0; left--) {
      const places = [];
      collect(copy, kept, places);
      if (places.length === 0) return this.one(HOSTILE);
      this.change(...this.one(places), places);
    }
    return copy;
  }

  change(parent, key, places) {
    const value = parent[key];
    switch (this.below(9)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(key, 1);
        else delete parent[key];
        break;
      case 1: {
        const [other, name] = this.one(places);
        parent[key] = structuredClone(other[name]);
        break;
      }
      case 2:
        parent[key] = Array.isArray(value) ? { ...value } : [value];
        break;
      case 3:
        if (Array.isArray(parent))
          parent.push(...Array(1 + this.below(size(value) < 1000 && this.oneIn(9) ? 1500 : 9)).fill(value));
        else parent[`${key}${this.one(['x', ' ', '\u200b', '\0', ''])}`] = value;
        break;
      case 4:
        parent[key] = typeof value === 'string' ? this.textOf(value) : String(value);
        break;
      case 5: {
        let deep = value;
        for (let depth = this.below(40); depth > 0; depth--) deep = this.oneIn(2) ? [deep] : { a: deep };
        parent[key] = deep;
        break;
      }
      default:
        parent[key] = structuredClone(this.one(HOSTILE));
    }
  }

  /** A text with something hostile in it, cut, doubled, or with another character. */
  textOf(value) {
    const at = this.below(value.length + 1);
    const rest = value.slice(at + this.below(3));
    const some = this.oneIn(3) ? this.one(HOSTILE.filter((hostile) => typeof hostile === 'string')) : '';
    const point = this.one([
      0, 9, 10, 13, 27, 32, 34, 44, 46, 64, 92, 127, 0x85, 0xa0, 0x202e, 0xfeff, 0xfffd, 0x1f600,
    ]);
    return (
      value.slice(0, at) +
      (some || String.fromCodePoint(point)) +
      (rest.length < 10_000 && this.oneIn(4) ? rest + rest : rest)
    );
  }

  /** Bytes with one to six changes. */
  bytes(bytes) {
    let changed = Buffer.from(bytes);
    for (let left = 1 + this.below(6); left > 0; left--) {
      const at = this.below(changed.length + 1);
      const span = this.below(Math.min(64, changed.length - at) + 1);
      const [before, middle, after] = [
        changed.subarray(0, at),
        changed.subarray(at, at + span),
        changed.subarray(at + span),
      ];
      const put = [
        () => [before, after],
        () => [before, middle, middle, after],
        () => [before, Buffer.from([this.below(256)]), middle, after],
        () => [before, Buffer.from(this.one(['{', '[', '"', ',', ':', '\\', '\r\n', '\0', '\xff'])), after],
        () => [before, middle],
        () => [after, before, middle],
        () => [before, Buffer.from(middle.map((byte) => byte ^ (1 << this.below(8)))), after],
      ];
      changed = Buffer.concat(this.one(put)());
    }
    return changed;
  }
}

/** The characters of a value as JSON. */
const size = (value) => (JSON.stringify(value) ?? '').length;

/** Every place in a document: the parent and the key; not those below a key in `kept`. */
function collect(value, kept, places) {
  if (value === null || typeof value !== 'object') return;
  for (const key of Object.keys(value)) {
    if (kept.includes(key)) continue;
    places.push([value, Array.isArray(value) ? Number(key) : key]);
    collect(value[key], kept, places);
  }
}
