// The plain text of a mail, for reading: mails of Ownpost and of common other programs. It does not parse every
// possible mail; the source is one click away.

/**
 * The first text/plain part, else the whole body.
 * @param {Uint8Array} bytes
 */
export function readableText(bytes) {
  // One character for each byte, so that every transfer encoding can be decoded.
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return part(text, 0) ?? decode(split(text).body, {});
}

/**
 * @param {string} text
 * @param {number} depth
 * @returns {string | null}
 */
function part(text, depth) {
  const { headers, body } = split(text);
  const type = headers['content-type'] ?? 'text/plain';
  const boundary = /boundary="?([^";\n]+)"?/i.exec(type)?.[1];
  if (/^multipart\//i.test(type) && boundary && depth < 8) {
    const sections = `\n${body}`
      .split(`\n--${boundary}`)
      .slice(1)
      .filter((section) => !section.startsWith('--'));
    for (const section of sections) {
      const found = part(section.replace(/^[^\n]*\n/, ''), depth + 1);
      if (found !== null) return found;
    }
    return null;
  }
  return /^text\/plain/i.test(type) ? decode(body, headers) : null;
}

/** @param {string} text */
function split(text) {
  const unix = text.replaceAll('\r\n', '\n');
  const end = unix.indexOf('\n\n');
  const head = end === -1 ? unix : unix.slice(0, end);
  /** @type {Record<string, string>} */
  const headers = {};
  for (const line of head.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { headers, body: end === -1 ? '' : unix.slice(end + 2) };
}

/**
 * @param {string} body
 * @param {Record<string, string>} headers
 */
function decode(body, headers) {
  const encoding = (headers['content-transfer-encoding'] ?? '').toLowerCase();
  let text = body;
  if (encoding === 'base64') {
    try {
      text = atob(body.replace(/\s+/g, ''));
    } catch {
      return body;
    }
  } else if (encoding === 'quoted-printable') {
    text = body
      .replace(/=\n/g, '')
      .replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  const charset = /charset="?([\w-]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
