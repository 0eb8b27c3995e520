/*
 * The system object `Widget` that a widget's own object inherits (documentation, "mechanics"; amoCRM widget §1.2).
 * `create` makes one from the class that script.js gives; the methods are those of the documentation.
 */
'use strict';

define(['jquery', 'shell/report', 'shell/requests', 'shell/templates'], function ($, { report }, requests, templates) {
  const POST_PAUSE_MS = 1000;
  const TOKEN_AGE_MS = 25 * 60 * 1000;

  function create(Class, boot, area, post) {
    const base = new Base(boot, area, post);
    if (Class.prototype !== base) Class.prototype = base;
    return new Class();
  }

  function Base(boot, area, post) {
    const { widget, code } = boot;
    const settings = {
      ...widget.fields,
      active: widget.status === 'install' ? 'N' : 'Y',
      widget_active: widget.status === 'install' ? 'N' : 'Y',
      status: widget.status === 'install' ? 'install' : 'installed',
      id: 742001,
      widget_code: code,
      path: widget.path,
      images_path: `${widget.path}/images`,
      version: widget.version,
      oauth_client_uuid: boot.client_uuid,
      support: widget.manifest.widget.support || {},
      category_code: '',
    };
    const system = {
      area,
      amouser_id: String(boot.user.id),
      amouser: boot.user.login,
      subdomain: boot.account.subdomain,
      domain: boot.domain,
      server: location.origin,
    };
    let queue = Promise.resolve();
    let known = null; // the token in use, where one is used for many calls

    this.params = settings;
    this.langs = widget.langs;
    this.system = Object.assign(() => ({ ...system }), system);
    this.get_settings = () => this.params;
    this.set_settings = (more) => Object.assign(this.params, more);
    this.get_version = () => widget.version;
    this.get_install_status = () => widget.status;
    this.get_accounts_current = () => ({ ...boot.account });
    this.set_lang = (langs) => {
      this.langs = langs;
    };
    this.i18n = (path) => path.split('.').reduce((found, key) => (found ? found[key] : undefined), this.langs);
    this.render = (source, params) => templates.render(source, params);
    this.render_template = () => report('widget', 'render_template draws into the right column, which is not here');
    this.listenSocketChannel = () => () => {};
    this.get_current_card_contacts_data = () => Promise.resolve([]);

    /** Another site's answer, fetched by amoCRM's server: one call a second, the others wait in line. */
    this.crm_post = (host, data, callback, type, fail) => {
      requests.note('POST', host);
      queue = queue
        .then(() => post('/ajax/shell/post', { url: host, data, type: type || 'text' }))
        .then(
          (answer) => callback && callback(answer.body),
          (error) => fail && fail(error),
        )
        .then(() => new Promise((resolve) => setTimeout(resolve, POST_PAUSE_MS)));
    };

    /** `$.ajax` with a one-time token of the user in X-Auth-Token, fetched for this call. */
    this.$authorizedAjax = (options) => {
      const given = typeof options === 'string' ? { url: options } : options;
      requests.note(given.method || given.type || 'GET', given.url);
      const answer = $.Deferred();
      let current = null;
      let isAborted = false;
      token().then(
        (value) => {
          if (isAborted) return;
          const beforeSend = given.beforeSend;
          current = requests.own(() =>
            $.ajax({
              ...given,
              headers: { ...given.headers, 'X-Auth-Token': value },
              beforeSend(jqXHR, all) {
                const makeXhr = all.xhr;
                all.xhr = () => {
                  const xhr = makeXhr.call(all);
                  const open = xhr.open;
                  xhr.open = function () {
                    const opened = open.apply(this, arguments);
                    requests.forWidget(xhr);
                    return opened;
                  };
                  return xhr;
                };
                return beforeSend ? beforeSend.call(this, jqXHR, all) : undefined;
              },
            }),
          );
          current.then(answer.resolve, answer.reject);
        },
        (failed) => answer.reject(failed, 'error', failed.statusText),
      );
      const promise = answer.promise();
      promise.abort = (text) => {
        isAborted = true;
        if (current) current.abort(text);
        else answer.reject({ status: 0, statusText: text || 'abort', readyState: 0, responseText: '' }, text || 'abort', text || 'abort');
      };
      promise.success = (work) => promise.done(work);
      promise.error = (work) => promise.fail(work);
      promise.complete = (work) => promise.always(work);
      return promise;
    };

    function token() {
      if (boot.switches.token_reuse && known && Date.now() - known.at < TOKEN_AGE_MS) return $.when(known.value);
      return post('/ajax/shell/token', { user: boot.user.id }).then((answer) => {
        known = { value: answer.token, at: Date.now() };
        return answer.token;
      });
    }
  }

  return { create };
});
