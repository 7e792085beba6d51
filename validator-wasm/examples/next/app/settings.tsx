import { useEffect, useState } from 'react';
import '@ownpost/validator/form';
import type {} from '@ownpost/validator/react';
import { getOptions, getToken } from './ownpost';

const LOCALES = ['en', 'fr', 'nl', 'de', 'es'];

export function Settings() {
  const [locale, setLocale] = useState('en');
  const [options, setOptions] = useState({});
  const [errors, setErrors] = useState<number>();
  const [tested, setTested] = useState('not yet');
  const [revision, setRevision] = useState<string | null>();

  useEffect(() => void getOptions().then(setOptions), []);

  return (
    <>
      <label>
        Language{' '}
        <select value={locale} onChange={(event) => setLocale(event.target.value)}>
          {LOCALES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <p>
        Errors: <output id="errors">{errors ?? 'unknown'}</output> · Tested: <output id="tested">{tested}</output> ·
        Active revision: <output id="revision">{revision ?? 'none'}</output>
      </p>
      <smtp-settings-form
        api="/api"
        locale={locale}
        getToken={getToken}
        options={options}
        onsmtp-change={({ detail }) => setErrors(detail.issues.filter(({ severity }) => severity === 'error').length)}
        onsmtp-tested={({ detail }) =>
          setTested(detail.report?.ok ? 'passed' : (detail.report?.failure?.code ?? 'nothing to test'))
        }
        onsmtp-activated={({ detail }) => setRevision(detail.revision)}
      />
    </>
  );
}
