// Sources of received mail, as docs/reference/reports.md reads them, for the tests and pictures of the inspector.
import { PASSED, SETTINGS } from './form-samples.mjs';

/** The source of a mail to Gmail by the server of the samples' settings, or as `changes` make it. */
export function mail({
  id = PASSED.testMessage.messageId,
  from = SETTINGS.senderAddress,
  server = SETTINGS.host,
  results = { spf: 'pass', dkim: 'pass', dmarc: 'pass' },
  protocol = 'ESMTPS id xyz12 (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)',
  taken = '01',
} = {}) {
  const domain = from.split('@')[1];
  return `Delivered-To: admin@gmail.example
Return-Path: <${from}>
Received: from ${server} (${server}. [40.107.22.101])
        by mx.google.com with ${protocol};
        Mon, 16 Nov 2026 02:30:03 -0800 (PST)
Authentication-Results: mx.google.com;
       dkim=${results.dkim} header.i=@${domain} header.s=mail;
       spf=${results.spf} (google.com: domain of ${from}) smtp.mailfrom=${from};
       dmarc=${results.dmarc} (p=REJECT) header.from=${domain}
Received: from platform.example (platform.example [198.51.100.9])
        by ${server} (Postfix) with ESMTPSA id 4XyZ
        (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)
        for <admin@gmail.example>; Mon, 16 Nov 2026 10:${taken}:01 +0000 (UTC)
Message-ID: <${id}>
Date: Mon, 16 Nov 2026 10:00:00 +0000
From: Your Service <${from}>
To: admin@gmail.example
Subject: A test

Body
`;
}

/** By the server and as the sender of the settings, in two seconds and with every proof. */
export const GOOD = mail({ taken: '30' });

/** By another server, late and without TLS, as a sender that it does not prove. */
export const BAD = mail({
  server: 'mail.elsewhere.example',
  from: 'jan@elsewhere.example',
  results: { spf: 'softfail', dkim: 'fail', dmarc: 'fail' },
  protocol: 'ESMTP id xyz12',
});
