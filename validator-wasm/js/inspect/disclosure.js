// The disclosure "Did it come by your server?": its content is loaded when it is opened.

/** @import { InspectAbout } from '../../types/inspect.js' */

import { loadAgain } from '../again.js';
import { ApiError } from '../form/api.js';
import { disclosure, fill, h } from '../form/dom.js';
import { problemView, setLevel } from '../form/problem.js';

/** @param {InspectAbout} about */
export function inspectDisclosure(about) {
  const { t, kept } = about;
  const place = h('div', { class: 'slot' });
  let begun = false;
  const load = async () => {
    begun = true;
    try {
      const { inspector } = await loadAgain(() => import('../inspect/index.js'));
      fill(place, await inspector(about, place));
    } catch {
      fill(place, problemView(t, new ApiError(0, null), { retry: load }));
      setLevel(place, about.level);
    }
  };
  const toggle = () => {
    kept.open = details.open;
    if (details.open && !begun) load();
  };
  const details = disclosure(
    t('inspect.title'),
    { class: 'inspect', part: 'disclosure inspect', open: kept.open, on: { toggle } },
    place,
  );
  return details;
}
