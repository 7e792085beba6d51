import { CUSTOM_ELEMENTS_SCHEMA, Component, signal } from '@angular/core';
import '@ownpost/validator/form';
import type { SmtpSettingsFormEventMap } from '@ownpost/validator/form';
import { getOptions, getToken } from './ownpost';

@Component({
  selector: 'app-root',
  // Angular leaves elements with a hyphen in their names to the browser.
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `
    <main>
      <h1>Mail settings</h1>
      <label>
        Language
        <select (change)="locale.set($any($event.target).value)">
          @for (name of locales; track name) {
            <option>{{ name }}</option>
          }
        </select>
      </label>
      <p>
        Errors: <output id="errors">{{ errors() }}</output> · Tested: <output id="tested">{{ tested() }}</output> ·
        Active revision: <output id="revision">{{ revision() }}</output>
      </p>
      <smtp-settings-form
        api="/api"
        [locale]="locale()"
        [getToken]="getToken"
        [options]="options()"
        (smtp-change)="changed($event)"
        (smtp-tested)="wasTested($event)"
        (smtp-activated)="revision.set($event.detail.revision ?? 'none')"
      />
    </main>
  `,
})
export class App {
  readonly locales = ['en', 'fr', 'nl', 'de', 'es'];
  readonly getToken = getToken;
  readonly locale = signal('en');
  readonly options = signal({});
  readonly errors = signal('unknown');
  readonly tested = signal('not yet');
  readonly revision = signal('none');

  constructor() {
    getOptions().then((options) => this.options.set(options));
  }

  changed({ detail }: SmtpSettingsFormEventMap['smtp-change']) {
    this.errors.set(String(detail.issues.filter(({ severity }) => severity === 'error').length));
  }

  wasTested({ detail: { report } }: SmtpSettingsFormEventMap['smtp-tested']) {
    this.tested.set(report?.ok ? 'passed' : (report?.failure?.code ?? 'nothing to test'));
  }
}
