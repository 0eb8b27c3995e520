/**
 * «Точно удалить бота?»: what happens then and what does not. «Отмена» has the focus, so that Enter deletes nothing.
 */
define(['jquery', './dialog.js', './pictures.js'], function ($, Dialog, pictures) {
  'use strict';

  function begin(dialog, bot) {
    const view = dialog.ctx.view;
    dialog.draw('dialogs/bot_delete', {
      bot: bot,
      avatar: pictures.of(bot.name, bot.id),
      links: view.t.plural('dialogs.bot_delete.links', bot.groups.linked)
    }).then(function () {
      pictures.guard(dialog.$body);
      dialog.on('click', '[data-dgm-do="delete"]', function () {
        dialog.submit(function () {
          return dialog.ctx.api.remove('/bots/' + bot.id);
        }, function (answer) {
          dialog.close({ removed: bot.id, isClean: !answer || answer.is_clean !== false });
        });
      });
    });
  }

  return {
    /** @returns promise of {removed, isClean} or null; isClean false: the rest is cleared up later, by itself */
    open: function (ctx, argument) {
      return Dialog.open(ctx, {
        name: 'bot-delete',
        begin: function (dialog) {
          begin(dialog, argument.bot);
        }
      });
    }
  };
});
