/**
 * What is chosen for a bot, when it is added and later: the pipeline, and what happens when somebody new writes to it.
 */
define(['jquery', './select.js', './tags_field.js', './deal_title.js'], function ($, Select, tagsField, dealTitle) {
  'use strict';

  const DEFAULTS = { unsorted: false, deal_title: '{name} ({bot})', deal_tags: [] };

  /**
   * Draw the fields into the dialog's `.dgm-bot-fields`.
   *
   * @param {Dialog} dialog
   * @param {Object} options bot: the known bot or null; botName(): the name for the example; changed()
   * @returns promise of {read(), recheck()}; read() gives {pipeline_id, unsorted, deal_title, deal_tags}, or null with the
   *   reason at its field
   */
  function mount(dialog, options) {
    const ready = $.Deferred();
    const bot = options.bot;
    const settings = $.extend({}, DEFAULTS, bot ? bot.settings : {});
    const $slot = dialog.$body.find('.dgm-bot-fields');
    const view = dialog.ctx.view;
    const api = dialog.ctx.api;
    const store = dialog.ctx.store;
    let pipelines = [];
    let select = null;
    let tags = null;

    function complaints(code) {
      return {
        empty: view.t('dialogs.bot.title_empty'),
        unknown: view.t('dialogs.bot.title_unknown'),
        braces: view.t('dialogs.bot.title_braces')
      }[code];
    }

    function offered() {
      return pipelines.filter(function (one) {
        return !one.is_archived;
      }).map(function (one) {
        return { id: one.id, title: one.name };
      });
    }

    function wanted() {
      if (bot) {
        return bot.pipeline.id;
      }
      const main = pipelines.filter(function (one) {
        return one.is_main && !one.is_archived;
      })[0] || pipelines[0];
      return main ? main.id : null;
    }

    function placeholder() {
      const state = bot ? bot.pipeline.state : 'ok';
      if (state === 'archived') {
        return view.t('dialogs.bot.pipeline_archived', { name: bot.pipeline.name || '' });
      }
      return state === 'deleted' ? view.t('dialogs.bot.pipeline_deleted') : view.t('dialogs.bot.pipeline_choose');
    }

    function pipelineName() {
      const chosen = select ? select.value() : '';
      const found = pipelines.filter(function (one) {
        return String(one.id) === chosen;
      })[0];
      return found ? found.name : '';
    }

    function example() {
      const template = $slot.find('[name="deal_title"]').val();
      const isGood = !dealTitle.complaint(template);
      const values = {
        name: view.t('dialogs.bot.example_name'),
        username: '@maria',
        bot: options.botName(),
        pipeline: pipelineName()
      };
      $slot.find('.dgm-bot-fields__example').prop('hidden', !isGood)
        .find('.dgm-bot-fields__example-name').text(isGood ? dealTitle.fill(template, values) : '');
    }

    function isUnsorted() {
      return $slot.find('[name="unsorted"]:checked').val() === '1';
    }

    function showDeal() {
      $slot.find('.dgm-bot-fields__deal').prop('hidden', isUnsorted());
      dialog.recentre();
    }

    function showPipelines(answer, selected) {
      pipelines = answer.pipelines;
      dialog.field('pipeline_id').find('.dgm-field__loading, .dgm-field__failed').prop('hidden', true);
      const now = selected === undefined ? wanted() : selected;
      if (select) {
        select.setItems(offered(), now).then(example);
        return;
      }
      Select.mount(dialog, $slot.find('.dgm-bot-fields__pipeline'), {
        name: 'pipeline_id',
        label: dialog.uid + '-pipeline-label',
        items: offered(),
        selected: now,
        placeholder: placeholder(),
        describedby: dialog.uid + '-pipeline-hint',
        disabled: dialog.isReadonly(),
        changed: function () {
          example();
          options.changed();
        }
      }).then(function (mounted) {
        select = mounted;
        example();
        options.changed();
      });
    }

    function fetchPipelines(isFresh) {
      const $field = dialog.field('pipeline_id');
      const $again = $field.find('[data-dgm-do="refresh-pipelines"]');
      if ($again.attr('aria-disabled') === 'true') {
        return;
      }
      $again.attr('aria-disabled', 'true').addClass('dgm-link_busy');
      $field.find('.dgm-field__failed').prop('hidden', true);
      dialog.when(api.get('/pipelines', isFresh ? { fresh: 1 } : {})).then(function (answer) {
        $again.attr('aria-disabled', 'false').removeClass('dgm-link_busy');
        store.pipelines = answer.pipelines;
        showPipelines(answer, select ? select.value() : undefined);
      }, function (error) {
        $again.attr('aria-disabled', 'false').removeClass('dgm-link_busy');
        $field.find('.dgm-field__loading').prop('hidden', true);
        $field.find('.dgm-field__failed').text(error.message).prop('hidden', false);
        dialog.recentre();
      });
    }

    function listen() {
      dialog.on('change', '[name="unsorted"]', function () {
        showDeal();
        options.changed();
      });
      dialog.on('input', '[name="deal_title"]', function () {
        example();
        options.changed();
      });
      dialog.on('click', '[data-dgm-place]', function () {
        const input = $slot.find('[name="deal_title"]')[0];
        const place = '{' + $(this).attr('data-dgm-place') + '}';
        input.setRangeText(place, input.selectionStart, input.selectionEnd, 'end');
        $(input).trigger('input').trigger('focus');
      });
      dialog.on('click', '[data-dgm-do="refresh-pipelines"]', function () {
        fetchPipelines(true);
      });
    }

    const known = Array.isArray(store.pipelines) ? store.pipelines : null;
    dialog.when(view.render('dialogs/bot_fields', {
      uid: dialog.uid,
      readonly: dialog.isReadonly(),
      settings: settings,
      places: dealTitle.places,
      isLoading: !known
    })).then(function (html) {
      $slot.html(html);
      tags = tagsField.attach(dialog, settings.deal_tags, options.changed);
      listen();
      showDeal();
      example();
      if (known) {
        showPipelines({ pipelines: known });
      } else {
        fetchPipelines(false);
      }
      ready.resolve({
        read: function () {
          const title = $slot.find('[name="deal_title"]').val().replace(/\s+/g, ' ').trim();
          const wrong = isUnsorted() ? null : dealTitle.complaint(title);
          const pipeline = select ? Number(select.value()) || null : null;
          if (select && !pipeline) {
            dialog.fieldError('pipeline_id', view.t('dialogs.bot.pipeline_missing'));
            return null;
          }
          if (wrong) {
            dialog.fieldError('deal_title', complaints(wrong));
            return null;
          }
          const values = { unsorted: isUnsorted(), deal_tags: tags.read() };
          if (pipeline) {
            values.pipeline_id = pipeline;
          }
          if (!dealTitle.complaint(title)) {
            values.deal_title = title;
          }
          return values;
        },
        /** The same values without a word about what is wrong, to see whether anything was changed. */
        peek: function () {
          return {
            pipeline_id: select ? Number(select.value()) || null : null,
            unsorted: isUnsorted(),
            deal_title: $slot.find('[name="deal_title"]').val(),
            deal_tags: tags.peek()
          };
        },
        example: example,
        focusPipeline: function () {
          if (select) {
            select.focus();
          }
        }
      });
    });
    return ready.promise();
  }

  return { mount: mount };
});
