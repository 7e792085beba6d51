// What the schemas of the peers have in common. It is what their users write; our rules are many more.
export const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
export const PORTS = [25, 465, 587, 2525, 2465, 2587];
export const MODES = ['starttls', 'tls'];

/**
 * Reads of every problem what a form shows: where it is, and the message. Nothing more is read, for some make what is
 * asked for only then. 0 is no problem.
 */
export function count(problems, read) {
  let told = 0;
  for (const problem of problems) told += read(problem);
  return told;
}
