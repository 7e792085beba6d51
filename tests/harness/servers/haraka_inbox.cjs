'use strict';
// A plugin of Haraka: who may send as whom and to whom is in config/inbox.json; each mail is kept in a file.
// Haraka defines the answers (DENY, OK) for its plugins.
/* global DENY, OK */
const { createWriteStream, renameSync } = require('node:fs');
const { join } = require('node:path');

exports.register = function () {
  this.inbox = this.config.get('inbox.json');
};

exports.hook_mail = function (next, connection, [from]) {
  if (!connection.notes.auth_user) return next(DENY, '5.7.0 Authentication required');
  if (from.address !== this.inbox.sender) return next(DENY, '5.7.1 Sender address rejected: not owned by user');
  return next();
};

exports.hook_rcpt = function (next, _connection, [to]) {
  if (!this.inbox.recipients.includes(to.address)) return next(DENY, '5.1.1 No such mailbox');
  return next(OK);
};

// What comes with AUTH is for others to deliver in Haraka's eyes; nothing leaves here.
exports.hook_queue_outbound = function (next, connection) {
  const { uuid, message_stream: message } = connection.transaction;
  const part = join(this.inbox.folder, `${uuid}.part`);
  const file = createWriteStream(part);
  file.once('close', () => {
    // Under its last name once it is whole: who looks for mails sees no half ones.
    renameSync(part, join(this.inbox.folder, `${uuid}.eml`));
    next(OK);
  });
  message.pipe(file);
};
