// The part of the form that is loaded when it is first needed: the view of a test and its result, and the history.

export { historyView } from './history.js';
export { Run } from './run.js';
