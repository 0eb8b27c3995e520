/**
 * A field for tags: each is a small plate that can be taken away, Enter or a comma makes one of what was typed.
 */
define(['jquery'], function ($) {
  'use strict';

  const MAX_LENGTH = 64;
  const PAUSE_MS = 200;

  /**
   * @param {Dialog} dialog whose drawn state has the field `deal_tags`
   * @param {string[]} initial
   * @param {function} changed called after each change
   * @returns {{read: function, peek: function}} read() gives the tags, with what is still being typed
   */
  function attach(dialog, initial, changed) {
    const $box = dialog.field('deal_tags').find('.dgm-tags');
    const $input = $box.find('input');
    const t = dialog.ctx.view.t;
    let tags = [];

    function has(tag) {
      return tags.some(function (one) {
        return one.toLowerCase() === tag.toLowerCase();
      });
    }

    function draw() {
      $box.find('.dgm-tags__tag').remove();
      tags.forEach(function (tag) {
        const $tag = $('<span class="dgm-tags__tag"></span>').append($('<span class="dgm-tags__name"></span>').text(tag));
        if (!dialog.isReadonly()) {
          $('<button type="button" class="dgm-tags__remove"></button>')
            .attr('aria-label', t('dialogs.bot.tag_remove', { tag: tag }))
            .attr('data-tag', tag)
            .appendTo($tag);
        }
        $tag.insertBefore($input);
      });
      dialog.recentre();
    }

    function add(text) {
      const before = tags.length;
      text.split(/[,;\n]/).forEach(function (part) {
        const tag = part.replace(/\s+/g, ' ').trim().slice(0, MAX_LENGTH);
        if (tag && !has(tag)) {
          tags.push(tag);
        }
      });
      draw();
      if (tags.length !== before) {
        changed();
      }
    }

    function take() {
      add($input.val());
      $input.val('');
    }

    dialog.on('keydown', '.dgm-tags__input', function (event) {
      if ((event.key === 'Enter' || event.key === ',') && $.trim($input.val())) {
        event.preventDefault();
        take();
      } else if (event.key === 'Backspace' && !$input.val() && tags.length) {
        tags.pop();
        draw();
        changed();
      }
    });
    dialog.on('paste', '.dgm-tags__input', function (event) {
      const data = event.originalEvent && event.originalEvent.clipboardData;
      const text = data ? data.getData('text') : '';
      if (/[,;\n]/.test(text)) {
        event.preventDefault();
        add(text);
      }
    });
    // Not at once: what is being pressed must not move away under the pointer.
    dialog.on('focusout', '.dgm-tags__input', function () {
      dialog.later('tags', PAUSE_MS, take);
    });
    dialog.on('click', '.dgm-tags__remove', function () {
      const gone = $(this).attr('data-tag');
      tags = tags.filter(function (tag) {
        return tag !== gone;
      });
      draw();
      changed();
      $input.trigger('focus');
    });
    dialog.on('click', '.dgm-tags', function (event) {
      if (event.target === $box[0]) {
        $input.trigger('focus');
      }
    });

    tags = initial.slice();
    draw();
    return {
      read: function () {
        if ($.trim($input.val())) {
          take();
        }
        return tags.slice();
      },
      /** The tags as they stand, with nothing taken from the keyboard. */
      peek: function () {
        return tags.concat($.trim($input.val()) || []);
      }
    };
  }

  return { attach: attach };
});
