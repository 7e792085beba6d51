// What your product has in its own way. Here it comes from `ownpost local`.

/** A token for the API; `ownpost local` gives one to everybody. */
export async function getToken() {
  const response = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tenant: 'vue', email: 'admin@acme.test' }),
  });
  const { token } = await response.json();
  return token;
}

/** What the operator allows beside public addresses and the usual ports: here the relays on this machine. */
export async function getOptions() {
  const { allow } = await (await fetch('/dev/relays')).json();
  return { allowNetworks: allow.networks, allowPorts: allow.ports };
}
