/*
 * What the widget did that amoCRM's documentation does not allow. Each breach is kept once, as "rule: what happened", and
 * said on the console, so that whoever looks at the page sees it too.
 */
'use strict';

define(function () {
  const errors = [];

  function report(rule, text) {
    const line = `${rule}: ${text}`;
    if (errors.includes(line)) return;
    errors.push(line);
    console.error(`amoCRM: ${line}`);
  }

  return { errors, report };
});
