/**
 * Reads what a library prints: some say nowhere else what they do, or why they failed.
 *
 * The console is tapped once, when this module is imported: libraries keep the functions that they find when they load.
 */

let lines = null;

for (const level of ['log', 'info', 'debug', 'warn', 'error']) {
  const original = console[level].bind(console);
  console[level] = (...parts) => {
    if (lines) lines.push(parts.join(' '));
    else original(...parts);
  };
}

/** Run `action` and return what it gave and the lines printed meanwhile; an error that it throws gets them as `printed`. */
export async function listening(action) {
  lines = [];
  try {
    const result = await action();
    return [result, lines.join('\n')];
  } catch (error) {
    throw Object.assign(error instanceof Error ? error : new Error(String(error)), {printed: lines.join('\n')});
  } finally {
    lines = null;
  }
}
