/**
 * «Связать со сделкой»: the deal's number or the address of its card. What the server says of the deal stands at the
 * field.
 */
define(['jquery', './dialog.js'], function ($, Dialog) {
  'use strict';

  const NUMBER = /^(?:id|сделка|сделки|№|#|:|\s)*\d[\d\s\u00a0]*$/i;
  const LINK = /\/leads\/detail\/\d+/;

  return {
    /** @returns promise of {group, isPending} or null; isPending: the link is still being made */
    open: function (ctx, argument) {
      const group = argument.group;
      let typed = function () {
        return '';
      };
      return Dialog.open(ctx, {
        name: 'group-link',
        begin: function (dialog) {
          dialog.draw('dialogs/group_link', { group: group }).then(function () {
            const $input = dialog.field('deal').find('input');
            typed = function () {
              return $.trim($input.val());
            };
            dialog.on('submit', 'form', function (event) {
              event.preventDefault();
              const deal = typed();
              if (dialog.isReadonly() || dialog.isBusy) {
                return;
              }
              if (!deal) {
                dialog.fieldError('deal', ctx.view.t('dialogs.group_link.empty'));
                return;
              }
              if (!NUMBER.test(deal) && !LINK.test(deal)) {
                dialog.fieldError('deal', ctx.view.t('dialogs.group_link.malformed'));
                return;
              }
              dialog.submit(function () {
                return dialog.post('/groups/' + group.id + '/deals', { deal: deal });
              }, function (answer) {
                const known = answer.group.deals.length > group.deals.length;
                dialog.close({ group: answer.group, isPending: !known });
              }, function (error) {
                const isOfDeal = error.status === 404 || error.status === 409 || error.status === 422;
                if (isOfDeal && !error.authoriseUrl) {
                  dialog.fieldError('deal', error.message);
                }
                return isOfDeal && !error.authoriseUrl;
              });
            });
          });
        },
        isDirty: function () {
          return Boolean(typed());
        }
      });
    }
  };
});
