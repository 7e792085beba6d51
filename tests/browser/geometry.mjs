// The places of elements: nothing outside of the page, no control over another, no text cut off.

/** Runs in the page. Returns a sentence for each element below `host` that is out of place. */
function look(host) {
  const found = [];
  const root = host.shadowRoot;
  const name = (element) =>
    `${element.localName}.${element.className.baseVal ?? element.className} “${(element.getAttribute('aria-label') ?? element.textContent).trim().slice(0, 40)}”`;
  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: false }) &&
    !element.closest('.sr') &&
    element.getClientRects().length > 0;
  const all = (selector) => [...root.querySelectorAll(selector)].filter(shown);
  const width = document.documentElement.clientWidth;
  for (const element of all('*')) {
    const { left, right } = element.getBoundingClientRect();
    // The content of a box that scrolls may be wider than the box.
    if ((left < -1 || right > width + 1) && !element.closest('.scroll') && !element.closest('svg'))
      found.push(`${name(element)} reaches from ${left} to ${right} of ${width}`);
  }
  const controls = all('button, input:not([type=radio]), select, textarea, summary, .choices label').filter(
    (element) => !element.closest('.scroll'),
  );
  const open = root.querySelector('dialog[open]');
  const reachable = open ? controls.filter((element) => open.contains(element)) : controls;
  for (const [at, one] of reachable.entries()) {
    for (const other of reachable.slice(at + 1)) {
      if (one.closest('.with-inset') && one.closest('.with-inset') === other.closest('.with-inset')) continue; // the eye in the field of a secret
      const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const along = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && along > 1) found.push(`${name(one)} lies over ${name(other)}`);
    }
    const { width: wide, height: high } = one.getBoundingClientRect();
    if (wide < 24 || high < 24) found.push(`${name(one)} is a target of ${wide} × ${high} only`);
  }
  for (const element of all(
    'button, label, summary, .choices span, h3, h4, h5, p, dt, dd, th, li .name, .chip, figcaption',
  )) {
    if (
      element.scrollWidth > element.clientWidth + 1 &&
      element.clientWidth > 0 &&
      getComputedStyle(element).display !== 'inline'
    )
      found.push(`${name(element)} needs ${element.scrollWidth} of ${element.clientWidth}`);
  }
  return found;
}

/** Sentences about the elements of a form that are out of place. */
export const misplaced = (form) => form.evaluate(look);
