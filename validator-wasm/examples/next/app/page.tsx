import { MailSettings } from './mail-settings';

export default function Page() {
  return (
    <>
      <h1>Mail settings</h1>
      <MailSettings />
    </>
  );
}
