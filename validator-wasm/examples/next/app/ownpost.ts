// Your product has its own version of these functions. Here the answers come from `ownpost local`.
import type { Options } from '@ownpost/validator';

/** A token for the API; `ownpost local` gives one to every caller. */
export async function getToken(): Promise<string> {
  const response = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tenant: 'next', email: 'admin@acme.test' }),
  });
  const { token } = await response.json();
  return token;
}

/**
 * The operator's allowed networks and ports, in addition to public addresses and the usual ports: here the relays on
 * this machine.
 */
export async function getOptions(): Promise<Pick<Options, 'allowNetworks' | 'allowPorts'>> {
  const { allow } = await (await fetch('/dev/relays')).json();
  return { allowNetworks: allow.networks, allowPorts: allow.ports };
}
