// <smtp-settings-form> in JSX, for React 19 and newer: `import type {} from "@ownpost/validator/react";`
import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { ActivatedDetail, ChangeDetail, SmtpSettingsForm, TestedDetail } from './index.js';

type Properties = Partial<Pick<SmtpSettingsForm, 'api' | 'locale' | 'getToken' | 'value' | 'options'>>;

interface FormAttributes extends DetailedHTMLProps<HTMLAttributes<SmtpSettingsForm>, SmtpSettingsForm>, Properties {
  name?: string;
  'onsmtp-change'?: (event: CustomEvent<ChangeDetail>) => void;
  'onsmtp-tested'?: (event: CustomEvent<TestedDetail>) => void;
  'onsmtp-activated'?: (event: CustomEvent<ActivatedDetail>) => void;
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'smtp-settings-form': FormAttributes;
    }
  }
}
