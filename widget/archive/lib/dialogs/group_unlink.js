/**
 * «Отвязать»: asked once, with what becomes of the conversation.
 */
define(['./dialog.js'], function (Dialog) {
  'use strict';

  return {
    /** @returns promise of {group, deal} or null */
    open: function (ctx, argument) {
      const group = argument.group;
      const deal = argument.deal;
      return Dialog.open(ctx, {
        name: 'group-unlink',
        begin: function (dialog) {
          dialog.draw('dialogs/group_unlink', { group: group, deal: deal }).then(function () {
            dialog.on('click', '[data-dgm-do="unlink"]', function () {
              dialog.submit(function () {
                return ctx.api.remove('/groups/' + group.id + '/deals/' + deal.deal_id);
              }, function () {
                dialog.close({ group: group, deal: deal });
              });
            });
          });
        }
      });
    }
  };
});
