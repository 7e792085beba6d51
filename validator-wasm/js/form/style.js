// The style sheet of the form. Colours follow the page's `color-scheme`. A page sets colours, font and corners by the
// custom properties of `:host`, and styles each part by `::part()`.

const CSS = `
:host {
  display: block;
  position: relative;
  container: smtp-form / inline-size;
  --accent: var(--smtp-accent, light-dark(#2f4fd0, #9db0ff));
  --on-accent: var(--smtp-on-accent, light-dark(#ffffff, #10162b));
  --surface: var(--smtp-surface, light-dark(#ffffff, #171b24));
  --sunken: var(--smtp-sunken, light-dark(#f5f6f9, #11141b));
  --text: var(--smtp-text, light-dark(#1a2130, #e8ebf2));
  --muted: var(--smtp-muted, light-dark(#5a6475, #a2acbd));
  --line: var(--smtp-line, light-dark(#e1e4ea, #2b313d));
  --edge: var(--smtp-edge, light-dark(#868fa0, #6d7789));
  --good: var(--smtp-good, light-dark(#12784a, #5fd39b));
  --good-wash: var(--smtp-good-wash, light-dark(#edf8f2, #14261f));
  --bad: var(--smtp-bad, light-dark(#b3261e, #ff9d94));
  --bad-wash: var(--smtp-bad-wash, light-dark(#fdf1f0, #2b1a1b));
  --warn: var(--smtp-warn, light-dark(#8a5300, #f0be6a));
  --warn-wash: var(--smtp-warn-wash, light-dark(#fdf6e7, #272015));
  --radius: var(--smtp-radius, 10px);
  --mono: var(--smtp-mono, ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, monospace);
  color: var(--text);
  font: var(--smtp-font, inherit);
  line-height: 1.5;
  text-align: start;
}
:host([hidden]) { display: none; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h3, h4, h5, p, dl, dd, ol, ul, figure, pre { margin: 0; padding: 0; }
h3, h4, h5 { font-size: 1em; font-weight: 620; line-height: 1.35; }
p, dd, dt, li, pre, code, h3, h4, h5, label, summary, button, strong, span { overflow-wrap: anywhere; }
/* A grid's column is as wide as its longest word, unless minmax(0, …) limits it. */
.form, .section, .fields, .row, .field, .control, .footer, .outcome, .details, .arrival, .issues, .facts-list, .facts-list > div, .banner > div { grid-template-columns: minmax(0, 1fr); }
code, pre, .code { font-family: var(--mono); font-size: .875em; }
.muted, .hint, .intro { color: var(--muted); }
.small { font-size: .875em; }
.sr { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { inline-size: 1.15em; block-size: 1.15em; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.form { display: grid; gap: 1.5rem; }
.form > .general:empty, .slot:empty, .outcome:empty, .issues:empty { display: none; }
.no-rules { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; color: var(--muted); font-size: .9em; }
.loading { color: var(--muted); padding-block: 1rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.status, .notice, .banner { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .875rem; border-radius: var(--radius); padding: 1rem 1.125rem; }
.mark { display: grid; place-items: center; inline-size: 1.75rem; block-size: 1.75rem; border-radius: 50%; color: var(--tone); background: color-mix(in srgb, var(--tone) 14%, transparent); }
.mark .icon { inline-size: 1.1em; block-size: 1.1em; stroke-width: 2.4; }
.status { --tone: var(--good); border: 1px solid color-mix(in srgb, var(--tone) 32%, var(--line)); background: var(--good-wash); }
.status.platform { --tone: var(--accent); background: var(--surface); border-color: var(--line); }
.status.unhealthy { --tone: var(--bad); background: var(--bad-wash); }
.status p { color: var(--muted); }
.status .reason { color: var(--bad); margin-block-start: .25rem; }
.status-facts { display: flex; flex-wrap: wrap; gap: .375rem 1.75rem; margin-block-start: .75rem; font-size: .875em; }
.status-facts > div { display: flex; gap: .5em; }
.status-facts dt { color: var(--muted); }
.health { font-weight: 600; }
.health.healthy { color: var(--good); }
.health.unhealthy { color: var(--bad); }
.notice { --tone: var(--warn); background: var(--warn-wash); color: var(--text); }
.notice > .icon { color: var(--warn); margin-block-start: .1em; inline-size: 1.75rem; block-size: 1.35em; }
.notice p { color: var(--muted); }

.section { display: grid; gap: 1rem; padding-block-start: 1.5rem; border-block-start: 1px solid var(--line); }
.section > header { display: grid; gap: .25rem; align-content: start; }
.section > header p { color: var(--muted); font-size: .9em; max-inline-size: 60ch; }
.section h3 { font-size: 1.05em; }
.fields { display: grid; gap: 1.125rem; align-content: start; min-inline-size: 0; }
.row { display: grid; gap: 1.125rem; }
.host-row > .issues { grid-column: 1 / -1; margin-block-start: -.625rem; }
.field { display: grid; gap: .375rem; align-content: start; min-inline-size: 0; }
.label { font-weight: 560; font-size: .925em; }
.optional { color: var(--muted); font-weight: 400; margin-inline: .25em; font-size: .925em; }
.hint { font-size: .875em; }
.control { position: relative; display: grid; gap: .5rem; justify-items: start; }
input:not([type=radio]), select, textarea {
  inline-size: 100%; min-block-size: 2.625rem; padding: .5rem .75rem; color: inherit; font: inherit; background: var(--surface);
  border: 1px solid var(--edge); border-radius: calc(var(--radius) * .7); transition: border-color .12s, box-shadow .12s;
}
textarea { resize: vertical; font-family: var(--mono); font-size: .85em; line-height: 1.5; }
select { appearance: none; padding-inline-end: 2.25rem; }
.control:has(> select)::after { content: ""; position: absolute; inset-inline-end: .95rem; inset-block-start: calc(50% - .4em); inline-size: .45em; block-size: .45em; border: solid var(--muted); border-width: 0 2px 2px 0; transform: rotate(45deg); pointer-events: none; }
option { background: var(--surface); color: var(--text); }
input:hover, select:hover, textarea:hover { border-color: var(--text); }
input:not([type=radio]):focus, select:focus, textarea:focus { outline: 2px solid var(--accent); outline-offset: -1px; border-color: var(--accent); }
[data-error] input:not([type=radio]), [data-error] select, [data-error] textarea { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
:disabled { opacity: .6; cursor: not-allowed; }
.with-inset > input { padding-inline-end: 3rem; }

.choices { display: inline-grid; grid-auto-flow: column; grid-auto-columns: 1fr; justify-self: start; gap: .25rem; padding: .25rem; background: var(--sunken); border: 1px solid var(--line); border-radius: calc(var(--radius) * .85); max-inline-size: 100%; }
.choices label { position: relative; display: grid; cursor: pointer; }
.choices input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; }
.choices span { display: grid; place-items: center; text-align: center; min-block-size: 2.125rem; padding: .25rem 1rem; border-radius: calc(var(--radius) * .6); color: var(--muted); font-size: .925em; font-weight: 520; border: 1px solid transparent; }
.choices label:hover span { color: var(--text); }
.choices input:checked + span { background: var(--surface); color: var(--text); border-color: var(--edge); box-shadow: 0 1px 2px rgb(0 0 0 / .08); font-weight: 600; }
.choices input:focus-visible + span { outline: 2px solid var(--accent); outline-offset: 2px; }
[data-error] .choices { border-color: var(--bad); }

.kept { display: flex; align-items: center; gap: .625rem; min-block-size: 2.625rem; padding: .25rem .375rem .25rem .75rem; background: var(--sunken); border: 1px solid var(--line); border-radius: calc(var(--radius) * .7); }
.kept > span { flex: 1; color: var(--muted); }
.kept > .icon { color: var(--good); }

.issues { display: grid; gap: .375rem; }
.issue { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .25rem .5rem; font-size: .9em; color: var(--tone); animation: appear .16s ease-out; }
.issue.error { --tone: var(--bad); }
.issue.warning { --tone: var(--warn); }
.issue > .icon { margin-block-start: .2em; }
.issue > button { grid-column: 2; justify-self: start; }
.issue.preset { --tone: var(--accent); }

.button { display: inline-flex; align-items: center; justify-content: center; gap: .5em; min-block-size: 2.625rem; padding: .5rem 1.125rem; font: inherit; font-weight: 580; font-size: .95em; line-height: 1.25; color: var(--text); background: var(--surface); border: 1px solid var(--edge); border-radius: calc(var(--radius) * .7); cursor: pointer; text-align: center; transition: background-color .12s, border-color .12s, filter .12s; }
.button:hover { border-color: var(--text); background: var(--sunken); }
.button.primary { color: var(--on-accent); background: var(--accent); border-color: transparent; }
.button.primary:hover { filter: brightness(1.08); }
.button.danger { color: light-dark(#fff, #23090a); background: var(--bad); border-color: transparent; }
.button.small { min-block-size: 2rem; padding: .25rem .75rem; font-size: .875em; }
.button.quiet { border-color: transparent; background: color-mix(in srgb, var(--text) 7%, transparent); }
.button.quiet:hover { background: color-mix(in srgb, var(--text) 12%, transparent); }
.button.link { justify-self: start; min-block-size: 1.75rem; padding: 0 .125rem; border-color: transparent; background: none; color: var(--accent); font-size: .875em; text-decoration: underline; text-underline-offset: .2em; }
.button.fix { min-block-size: 1.875rem; padding: .125rem .75rem .125rem .625rem; font-size: .95em; color: var(--tone); border-color: color-mix(in srgb, var(--tone) 45%, transparent); background: var(--surface); border-radius: 2rem; text-align: start; }
.button.fix:hover { background: color-mix(in srgb, var(--tone) 9%, var(--surface)); border-color: var(--tone); }
.button.inset { position: absolute; inset-block: .25rem; inset-inline-end: .25rem; min-block-size: 0; inline-size: 2.25rem; padding: 0; border-color: transparent; background: none; color: var(--muted); }
.button.inset:hover, .button.inset[data-on] { color: var(--text); background: var(--sunken); }
.button[aria-disabled=true] { opacity: .55; cursor: progress; }
.actions { display: flex; flex-wrap: wrap; gap: .625rem; }
.actions:empty { display: none; }
.status .actions { margin-block-start: .875rem; }
.footer { display: grid; gap: .75rem; padding-block-start: 1.5rem; border-block-start: 1px solid var(--line); }
.summary { color: var(--bad); font-weight: 560; }

details > summary { display: flex; align-items: center; gap: .5rem; cursor: pointer; list-style: none; font-weight: 600; min-block-size: 1.75rem; border-radius: .375rem; }
details > summary::-webkit-details-marker { display: none; }
details > summary > .icon { color: var(--muted); transition: rotate .15s; }
details[open] > summary > .icon { rotate: 90deg; }
:host(:dir(rtl)) details:not([open]) > summary > .icon { rotate: 180deg; }
:host(:dir(rtl)) :is(p, h3, h4, h5, .label, dt, dd, th, summary) { unicode-bidi: plaintext; text-align: right; }
:host(:dir(rtl)) :is(.button, .choices span, .ms, .total, figcaption) { unicode-bidi: plaintext; }
.section-more { padding-block-start: 1.25rem; border-block-start: 1px solid var(--line); }
.section-more > summary { font-size: 1.05em; }
.section-more > .intro { margin-block: .25rem 1rem; font-size: .9em; max-inline-size: 66ch; }
.section-more + .section-more { margin-block-start: -.25rem; }

.routing { inline-size: 100%; border-collapse: collapse; }
.routing th, .routing td { text-align: start; vertical-align: middle; padding: .625rem .75rem .625rem 0; border-block-end: 1px solid var(--line); }
.routing tbody tr:last-child > * { border-block-end: 0; }
.routing thead th { font-size: .85em; font-weight: 520; color: var(--muted); padding-block: .25rem; }
.routing th[scope=row] { font-weight: 560; }
.routing th span, .routing th small { display: block; }
.routing small { color: var(--muted); font-weight: 400; font-size: .85em; }
.routing select { min-block-size: 2.25rem; padding-block: .25rem; font-size: .925em; }

.outcome { display: grid; gap: 1rem; scroll-margin: 1rem; }
.details { display: grid; gap: .75rem; }
.details:empty { display: none; }
.card { border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); padding: 1rem 1.125rem; animation: appear .2s ease-out; }
.card > summary + * { margin-block-start: .75rem; }
.test > h3 { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; margin-block-end: .75rem; }
.total { color: var(--muted); font-weight: 400; font-size: .875em; font-variant-numeric: tabular-nums; }
.stages { list-style: none; display: grid; }
.stages li { --tone: var(--muted); position: relative; display: grid; grid-template-columns: 1.5rem auto 1fr auto; align-items: center; gap: .125rem .75rem; padding-block: .3125rem; }
.stages li:not(:last-child)::after { content: ""; position: absolute; inset-inline-start: calc(.75rem - 1px); inset-block: calc(50% + .8rem) calc(-50% + .8rem); inline-size: 2px; background: var(--line); }
.stages li[data-status=passed]:not(:last-child)::after, .stages li[data-status=warned]:not(:last-child)::after { background: color-mix(in srgb, var(--good) 45%, var(--line)); }
.stages .mark { inline-size: 1.5rem; block-size: 1.5rem; z-index: 1; background: color-mix(in srgb, var(--tone) 14%, var(--surface)); }
.stages .facts { color: var(--muted); font-family: var(--mono); font-size: .8em; min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: match-parent; }
.stages .ms { grid-column: 4; color: var(--muted); font-size: .85em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.stages [data-status=passed] { --tone: var(--good); }
.stages [data-status=failed] { --tone: var(--bad); }
.stages [data-status=failed] .name { color: var(--bad); font-weight: 600; }
.stages [data-status=warned] { --tone: var(--warn); }
.stages [data-status=running] { --tone: var(--accent); }
.stages [data-status=running] .name { font-weight: 600; }
.stages [data-status=pending] .name, .stages [data-status=skipped] .name { color: var(--muted); }
.stages [data-status=pending] .mark .icon { opacity: .5; }
.stages [data-status=passed] .mark, .stages [data-status=failed] .mark, .stages [data-status=warned] .mark { animation: pop .22s ease-out; }
.stages [data-status=running] .mark { position: relative; }
.stages [data-status=running] .mark::before { content: ""; position: absolute; inset: 0; border-radius: 50%; border: 2px solid var(--tone); border-block-start-color: transparent; animation: turn .9s linear infinite; }
.stages [data-status=running] .mark .icon { display: none; }

.banner { --tone: var(--accent); border: 1px solid color-mix(in srgb, var(--tone) 30%, var(--line)); animation: appear .2s ease-out; }
.banner > div { display: grid; gap: .5rem; justify-items: start; }
.banner h4 { line-height: 1.75rem; }
.banner.good { --tone: var(--good); background: var(--good-wash); }
.banner.bad { --tone: var(--bad); background: var(--bad-wash); }
.banner.bad h4 { color: var(--bad); }
.banner h5 { margin-block-start: .25rem; }
.reply { inline-size: 100%; }
.reply figcaption { font-size: .875em; color: var(--muted); margin-block-end: .25rem; }
.reply pre { white-space: pre-wrap; padding: .625rem .75rem; border-radius: calc(var(--radius) * .6); background: var(--surface); border: 1px solid var(--line); border-inline-start: 3px solid var(--tone); text-align: start; }
.proven { --tone: var(--good); display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-block: .25rem; }
.proven p { display: flex; align-items: center; gap: .375rem; color: var(--good); font-weight: 600; }

.arrival { display: grid; gap: .75rem; }
.arrival h4 { display: flex; align-items: center; gap: .5rem; }
.arrival details { border-block-start: 1px solid var(--line); padding-block-start: .5rem; }
.arrival summary { font-weight: 520; }
.arrival details p { margin-block: .375rem; padding-inline-start: 1.65rem; color: var(--muted); max-inline-size: 66ch; }
.copyable { display: inline-flex; flex-wrap: wrap; align-items: center; gap: .375rem .625rem; }
.facts-list { display: grid; gap: .5rem; }
.facts-list > div { display: grid; gap: 0 1rem; }
.facts-list dt { color: var(--muted); font-size: .9em; }
.facts-list dd { min-inline-size: 0; }
.chip { display: inline-block; padding: .0625rem .5rem; margin-inline-end: .375rem; border-radius: 2rem; background: var(--sunken); border: 1px solid var(--line); font-size: .85em; }
.chip.warning { color: var(--warn); background: var(--warn-wash); }
.chips { display: flex; flex-wrap: wrap; gap: .25rem; }
.chips .chip { margin: 0; }
.advice { display: grid; gap: .375rem; padding-inline-start: 1.1rem; margin-block-end: .75rem; }
.advice li::marker { color: var(--warn); }
.transcript-head { display: flex; justify-content: space-between; align-items: center; gap: 1rem; flex-wrap: wrap; }
.scroll { overflow: auto; max-block-size: 22rem; margin-block-start: .5rem; border-radius: calc(var(--radius) * .6); background: var(--sunken); border: 1px solid var(--line); padding: .5rem .75rem; }
.scroll table { border-collapse: collapse; inline-size: 100%; font-size: .9em; }
.scroll td { vertical-align: baseline; padding: .0625rem .875rem .0625rem 0; text-align: left; }
.scroll .ms { color: var(--muted); text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; font-size: .85em; }
.scroll .who { color: var(--muted); white-space: nowrap; font-size: .9em; }
.scroll [data-from=client] code { color: var(--accent); }
.scroll td:last-child { inline-size: 100%; }

dialog { max-inline-size: min(30rem, calc(100vw - 2rem)); padding: 1.5rem; color: var(--text); background: var(--surface); border: 1px solid var(--line); border-radius: calc(var(--radius) * 1.3); box-shadow: 0 1.5rem 4rem rgb(0 0 0 / .28); }
dialog::backdrop { background: rgb(10 14 24 / .5); }
dialog h3 { font-size: 1.15em; }
dialog p { margin-block: .5rem 1.25rem; color: var(--muted); }
dialog .actions { justify-content: flex-end; }

@container smtp-form (min-width: 34rem) {
  .row { grid-template-columns: 1fr 1fr; }
  .host-row { grid-template-columns: 1fr 8rem; }
  .facts-list > div { grid-template-columns: 11rem 1fr; align-items: baseline; }
}
@container smtp-form (min-width: 52rem) {
  .section { grid-template-columns: 15rem 1fr; gap: 2.5rem; }
}
@container smtp-form (max-width: 33.99rem) {
  .choices { display: grid; justify-self: stretch; }
  .choices span { padding-inline: .5rem; }
  .choices:has(label:nth-child(2)) { grid-auto-flow: row; grid-auto-columns: auto; grid-template-columns: repeat(auto-fit, minmax(min(5.75rem, 100%), 1fr)); }
  .actions > .button { flex: 1 1 auto; }
  .routing thead { display: none; }
  .routing, .routing tbody, .routing tr, .routing th, .routing td { display: block; }
  .routing th, .routing td { padding: .25rem 0; border: 0; }
  .routing td::before { content: attr(data-label); font-size: .85em; color: var(--muted); }
  .routing td:has(.field[hidden]) { display: none; }
  .routing tr { padding-block: .75rem; border-block-end: 1px solid var(--line); }
  .stages li { grid-template-columns: 1.5rem 1fr auto; }
  .stages .ms { grid-column: 3; grid-row: 1; }
  .stages .facts { grid-column: 2 / -1; white-space: normal; }
  .stages li:has(.facts)::after { inset-block-start: 2rem; }
  .stages li:has(.facts) { align-items: start; }
  .status, .notice, .banner { padding: .875rem; gap: .625rem; }
  .card { padding: .875rem; }
}
@keyframes appear { from { opacity: 0; transform: translateY(-3px); } }
@keyframes pop { from { scale: .6; opacity: 0; } }
@keyframes turn { to { rotate: 1turn; } }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { transition: none !important; animation: none !important; }
  .stages [data-status=running] .mark::before { border-style: dashed; border-block-start-color: var(--tone); }
}
@media (forced-colors: active) {
  .choices input:checked + span { outline: 2px solid Highlight; }
  .button, .status, .notice, .banner, .card { border: 1px solid; }
  .button.primary { border-width: 2px; }
  [data-error] :is(input:not([type=radio]), select, textarea, .choices) { border-width: 3px; }
}
`;

/** @type {CSSStyleSheet | null} */
let sheet = null;

/** The sheet, shared by all forms of a page. */
export function styles() {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
