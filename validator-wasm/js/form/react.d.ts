// <smtp-settings-form> in JSX, for React 19 and newer: `import type {} from "@ownpost/validator/react";`
import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { DeliveryFilters, SmtpDeliveries } from '../deliveries/index.js';
import type { SmtpSettings } from '../index.js';
import type { ActivatedDetail, ChangeDetail, SmtpSettingsForm, TestedDetail, UnauthorizedDetail } from './index.js';

type Properties = Partial<Pick<SmtpSettingsForm, 'api' | 'locale' | 'getToken' | 'options'>>;

interface FormAttributes extends DetailedHTMLProps<HTMLAttributes<SmtpSettingsForm>, SmtpSettingsForm>, Properties {
  name?: string;
  required?: boolean;
  /** Settings, or the answer of `GET /smtp`. */
  value?: Partial<SmtpSettings> | Record<string, unknown>;
  'onsmtp-change'?: (event: CustomEvent<ChangeDetail>) => void;
  'onsmtp-tested'?: (event: CustomEvent<TestedDetail>) => void;
  'onsmtp-activated'?: (event: CustomEvent<ActivatedDetail>) => void;
  'onsmtp-unauthorized'?: (event: CustomEvent<UnauthorizedDetail>) => void;
}

type ListProperties = Partial<Pick<SmtpDeliveries, 'api' | 'locale' | 'getToken' | 'readonly'>>;

interface ListAttributes extends DetailedHTMLProps<HTMLAttributes<SmtpDeliveries>, SmtpDeliveries>, ListProperties {
  filters?: Partial<DeliveryFilters>;
  'onsmtp-unauthorized'?: (event: CustomEvent<UnauthorizedDetail>) => void;
  'onsmtp-deliveries-change'?: (event: CustomEvent<null>) => void;
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'smtp-settings-form': FormAttributes;
      'smtp-deliveries': ListAttributes;
    }
  }
}
