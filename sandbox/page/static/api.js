/* Actions: a POST per action. A refusal comes back as a Russian sentence and is shown as a toast. */

import { toast } from './toast.js';

/** Returns the answer, or null after showing why not. */
export async function act(path, body) {
  return post(`/api/${path}`, 'application/json', JSON.stringify(body));
}

async function post(address, type, body) {
  let response;
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': type },
      body,
    });
  } catch {
    toast('Песочница не отвечает. Проверьте, что она запущена.', 'error');
    return null;
  }
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    answer = { error: 'Песочница ответила непонятно.' };
  }
  if (!response.ok) {
    toast(answer.error || 'Не получилось. Попробуйте ещё раз.', 'error');
    return null;
  }
  return answer;
}

/** Gives a file to the page's server, to be sent with an action. Returns the answer, or null after showing why not. */
export async function upload(file) {
  return post(`/upload?name=${encodeURIComponent(file.name)}`, 'application/octet-stream', file);
}
