'use client';

import dynamic from 'next/dynamic';

// React sets no property and hears no event of a custom element that came with the server's HTML. So this part is rendered
// in the browser alone.
export const MailSettings = dynamic(() => import('./settings').then(({ Settings }) => Settings), { ssr: false });
