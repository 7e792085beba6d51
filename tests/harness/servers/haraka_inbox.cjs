'use strict';
// A Haraka plugin: config/inbox.json says which account may send from which address and to whom; each mail is kept in
// a file. Haraka defines the answers (DENY, OK) for its plugins.
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

// Haraka treats mail of a signed-in client as outbound; this hook keeps it here.
exports.hook_queue_outbound = function (next, connection) {
  const { uuid, message_stream: message } = connection.transaction;
  const part = join(this.inbox.folder, `${uuid}.part`);
  const file = createWriteStream(part);
  file.once('close', () => {
    // The file gets its final name when it is complete, so that readers see no partial mails.
    renameSync(part, join(this.inbox.folder, `${uuid}.eml`));
    next(OK);
  });
  message.pipe(file);
};
