/**
 * A field that offers what it finds while one types. Built as a combobox: arrows choose, Enter takes, Escape closes the
 * offers and not the dialog.
 */
define(['jquery'], function ($) {
  'use strict';

  const PAUSE_MS = 300;

  /**
   * @param {Dialog} dialog
   * @param {jQuery} $field holds input.dgm-suggest__input and ul.dgm-suggest__list
   * @param {Object} options ask(text): promise of items; show(item): {title, note}; taken(item)
   */
  function attach(dialog, $field, options) {
    const $input = $field.find('.dgm-suggest__input');
    const $list = $field.find('.dgm-suggest__list');
    const view = dialog.ctx.view;
    let turn = 0;
    let items = [];
    let active = -1;

    function close() {
      turn += 1;
      active = -1;
      items = [];
      $list.prop('hidden', true).empty();
      $input.attr('aria-expanded', 'false').removeAttr('aria-activedescendant');
      dialog.cancelLater('suggest');
    }

    function mark(index) {
      active = index;
      $list.children().each(function (at) {
        $(this).toggleClass('dgm-suggest__item_active', at === index).attr('aria-selected', String(at === index));
      });
      const $item = $list.children().eq(index);
      if (index >= 0 && $item.length) {
        $input.attr('aria-activedescendant', $item.attr('id'));
        $item[0].scrollIntoView({ block: 'nearest' });
      }
    }

    function say(text, kind) {
      $list.empty().append($('<li class="dgm-suggest__word"></li>').addClass('dgm-suggest__word_' + kind).text(text));
      $list.prop('hidden', false);
      $input.attr('aria-expanded', 'true');
    }

    function draw(found) {
      items = found;
      active = -1;
      $list.empty();
      found.forEach(function (item, index) {
        const shown = options.show(item);
        $('<li class="dgm-suggest__item" role="option" aria-selected="false"></li>')
          .attr('id', $list.attr('id') + '-' + index)
          .attr('data-index', index)
          .append($('<span class="dgm-suggest__title"></span>').text(shown.title))
          .append($('<span class="dgm-suggest__note"></span>').text(shown.note))
          .appendTo($list);
      });
      $list.prop('hidden', false);
      $input.attr('aria-expanded', 'true');
    }

    function ask(text) {
      turn += 1;
      const mine = turn;
      dialog.when(options.ask(text)).then(function (found) {
        if (mine !== turn) {
          return;
        }
        if (found.length) {
          draw(found);
        } else {
          say(view.t('dialogs.employees.nobody'), 'empty');
        }
      }, function (error) {
        if (mine === turn) {
          say(error.message, 'error');
        }
      });
    }

    function take(index) {
      const item = items[index];
      close();
      if (item) {
        options.taken(item);
      }
    }

    dialog.on('input', '.dgm-suggest__input', function () {
      const text = $.trim($input.val());
      close();
      dialog.later('suggest', PAUSE_MS, function () {
        ask(text);
      });
    });
    dialog.on('click', '.dgm-suggest__input', function () {
      if (!items.length) {
        ask($.trim($input.val()));
      }
    });
    dialog.on('keydown', '.dgm-suggest__input', function (event) {
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        event.preventDefault();
        if (items.length) {
          const by = event.key === 'ArrowDown' ? 1 : -1;
          mark((active + by + items.length + (active < 0 && by < 0 ? 1 : 0)) % items.length);
        } else {
          ask($.trim($input.val()));
        }
      } else if (event.key === 'Enter' && active >= 0) {
        event.preventDefault();
        take(active);
      } else if (event.key === 'Escape' && !$list.prop('hidden')) {
        event.preventDefault();
        event.stopPropagation();
        close();
      }
    });
    // The field must not lose the focus before the offer is taken.
    dialog.on('mousedown', '.dgm-suggest__list', function (event) {
      event.preventDefault();
    });
    dialog.on('click', '.dgm-suggest__item', function () {
      take(Number($(this).attr('data-index')));
    });
    dialog.on('focusout', '.dgm-suggest__input', close);

    return { close: close };
  }

  return { attach: attach };
});
