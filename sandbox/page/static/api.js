/* Actions: a POST per action. A refusal comes back as a Russian sentence and is shown as a toast. */

import { toast } from './toast.js';

/** Returns the answer, or null after showing why not. */
export async function act(path, body) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
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
