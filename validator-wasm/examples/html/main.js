const form = document.querySelector('smtp-settings-form');
const show = (id, text) => (document.getElementById(id).textContent = text);

// Replace this by your product's own way to get a token. `ownpost local` gives a token to every caller.
form.getToken = async () => {
  const response = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tenant: 'html', email: 'admin@acme.test' }),
  });
  const { token } = await response.json();
  return token;
};

// The operator's allowed networks and ports, in addition to public addresses and the usual ports: here the relays of
// `ownpost local`.
fetch('/dev/relays')
  .then((response) => response.json())
  .then(({ allow }) => {
    form.options = { allowNetworks: allow.networks, allowPorts: allow.ports };
  });

form.addEventListener('smtp-change', ({ detail }) => {
  show('errors', detail.issues.filter(({ severity }) => severity === 'error').length);
});
form.addEventListener('smtp-tested', ({ detail: { report } }) => {
  show('tested', report?.ok ? 'passed' : (report?.failure?.code ?? 'nothing to test'));
});
form.addEventListener('smtp-activated', ({ detail }) => show('revision', detail.revision ?? 'none'));

document.getElementById('locale').addEventListener('change', ({ target }) => form.setAttribute('locale', target.value));
