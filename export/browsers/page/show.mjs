/** What a person sees of a self-test: the page's elements by id, and nothing else that is visible is touched. */

const at = (id) => document.getElementById(id);

/** Say what is about to run, with a link to each other backend. */
export function start(engine, backend) {
  at('library').textContent = engine.name;
  at('backends').replaceChildren(
    ...engine.backends.map((name) => {
      const link = element('a', name, {href: `?backend=${name}`});
      if (name === backend) link.setAttribute('aria-current', 'true');
      return link;
    }),
  );
  at('device').textContent = navigator.userAgent;
  step('reading the samples');
}

/** Say what is being done now. */
export function step(text) {
  at('verdict').textContent = 'RUNNING';
  at('reason').textContent = text;
}

/** Say how each output compares with the source's. */
export function verdict(manifest, artifact, result, outputs) {
  const wrong = outputs.filter(({passed}) => !passed);
  at('title').textContent = `${manifest.source?.name ?? 'model'}: ${artifact.path}`;
  at('library').textContent += ` ${result.version}`;
  conclude(wrong.length ? 'failed' : 'passed', wrong.length ? '✗ FAILED' : '✓ PASSED');
  at('reason').textContent = wrong.length
    ? `${wrong.length} of ${outputs.length} outputs differ from the source's`
    : `${outputs.length} of ${outputs.length} outputs agree with the source's`;
  const {load, first, warm} = result.seconds;
  facts([
    ['backend in use', result.backend],
    ...Object.entries(result.details).map(([key, value]) => [key, String(value)]),
    ['load', milliseconds(load)],
    ['first call', milliseconds(first)],
    ['warm call', milliseconds(warm)],
  ]);
  // The worst first.
  const order = [...outputs].sort((a, b) => a.passed - b.passed || (b.max_rel_error ?? 0) - (a.max_rel_error ?? 0));
  at('outputs').replaceChildren(...order.map(output));
}

/** Say that the artifact could not be run. */
export function failure(error) {
  conclude('error', '! COULD NOT RUN');
  at('reason').textContent = [error?.message ?? error, error?.hint].filter(Boolean).join('. ');
  console.error(error);
}

function conclude(state, text) {
  document.body.dataset.state = state;
  at('verdict').textContent = text;
  document.title = `${text} · anyport self-test`;
}

function facts(pairs) {
  at('facts').replaceChildren(...pairs.flatMap(([term, text]) => [element('dt', term), element('dd', text)]));
}

function output({signature, name, passed, reason, max_abs_error: absolute, max_rel_error: relative, worst}) {
  const item = element('li', '');
  item.append(element('h3', `${passed ? '✓' : '✗'} ${name}`), element('p', `of ${signature}`));
  if (reason) item.append(element('p', reason));
  if (absolute !== null) item.append(element('p', `max abs error ${digits(absolute)}, max rel error ${digits(relative)}`));
  if (worst) {
    item.append(element('p', `worst: [${worst.index.join(', ')}] of call ${worst.call}`));
    item.append(element('p', `expected ${value(worst.expected)}, got ${value(worst.actual)}`));
  }
  return item;
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function digits(number) {
  return number === 0 ? '0' : number.toExponential(1);
}

/** A float32 has no more than nine digits to tell. */
function value(number) {
  return typeof number === 'number' ? String(Number(number.toPrecision(9))) : number;
}

function milliseconds(seconds) {
  return `${(seconds * 1000).toFixed(seconds < 0.1 ? 2 : 0)} ms`;
}
