// The rules that all peers' schemas have, as their users write them. Ownpost has many more rules.
export const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
export const PORTS = [25, 465, 587, 2525, 2465, 2587];
export const MODES = ['starttls', 'tls'];

/**
 * Reads the place and the message of every problem, as a form does, and returns the sum of their lengths; 0 means no
 * problem. Nothing more is read, because some libraries compute details only on access.
 */
export function count(problems, read) {
  let length = 0;
  for (const problem of problems) length += read(problem);
  return length;
}
