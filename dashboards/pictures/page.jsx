// A dashboard drawn by Grafana's own components from what Prometheus answered: window.STORY, as tests/dashboards/pictures.py made it.
import React from 'react';
import { createRoot } from 'react-dom/client';
import {
  applyFieldOverrides, createTheme, dateTime, FieldType, getDisplayProcessor, getFieldDisplayValues, standardTransformers,
  standardTransformersRegistry, standardEditorsRegistry, standardFieldConfigEditorRegistry, ThemeContext, toDataFrame,
  transformDataFrame, identityOverrideProcessor, numberOverrideProcessor, thresholdsOverrideProcessor, unitOverrideProcessor,
  valueMappingsOverrideProcessor, displayNameOverrideProcessor,
} from '@grafana/data';
import * as UI from '@grafana/ui';
import * as I18N from '@grafana/i18n';
import { firstValueFrom } from 'rxjs';

const CELL = 30, GAP = 8, COLUMNS = 24, HEAD = 56;  // as Grafana lays out its grid
const theme = createTheme({ colors: { mode: 'dark' } });

const property = (id, process, isCustom = false) => ({
  id, path: isCustom ? id.replace('custom.', '') : id, name: id, isCustom, process,
  editor: () => null, override: () => null, shouldApply: () => true, getItemsCount: () => 0,
});
standardFieldConfigEditorRegistry.setInit(() => [
  property('displayName', displayNameOverrideProcessor), property('unit', unitOverrideProcessor),
  property('min', numberOverrideProcessor), property('max', numberOverrideProcessor),
  property('decimals', numberOverrideProcessor), property('color', identityOverrideProcessor),
  property('noValue', identityOverrideProcessor), property('thresholds', thresholdsOverrideProcessor),
  property('mappings', valueMappingsOverrideProcessor), property('custom.cellOptions', identityOverrideProcessor, true),
]);
standardEditorsRegistry.setInit(() => []);
standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((t) => ({
    id: t.id, name: t.name, transformation: t, editor: () => null,
  })));

const filled = (template, labels) => template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');

// A null where there is no number, so that a line breaks there.
function valueAt(series) {
  const values = new Map(series.values.map(([at, value]) => [Math.round(at), Number(value)]));
  return (at) => Number.isFinite(values.get(Math.round(at))) ? values.get(Math.round(at)) : null;
}

function lines(target, series) {
  const { from, to } = window.STORY;
  const moments = target.instant ? [to] : Array.from({ length: Math.floor(to - from) + 1 }, (_, n) => from + n);
  return series.map((each) => {
    const name = target.legendFormat === '__auto' ? Object.values(each.metric).join(' ') : filled(target.legendFormat, each.metric);
    return toDataFrame({ refId: target.refId, name, fields: [
      { name: 'Time', type: FieldType.time, values: moments.map((at) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels: each.metric, config: { displayNameFromDS: name }, values: moments.map(valueAt(each)) },
    ]});
  });
}

// As the data source gives an instant query in table format: a column per label, and the value.
function table(target, series) {
  const labels = [...new Set(series.flatMap((each) => Object.keys(each.metric)))];
  const last = (each) => each.values[each.values.length - 1];
  return toDataFrame({ refId: target.refId, fields: [
    { name: 'Time', type: FieldType.time, values: series.map((each) => window.STORY.to * 1000) },
    ...labels.map((label) => ({ name: label, type: FieldType.string, values: series.map((each) => each.metric[label]) })),
    { name: `Value #${target.refId}`, type: FieldType.number, values: series.map((each) => { const v = Number(last(each)[1]); return Number.isFinite(v) ? v : null; }) },
  ]});
}

async function framesOf(panel, results) {
  const made = panel.targets.flatMap((target) => {
    const series = results[`${panel.id} ${target.refId}`] ?? [];
    return panel.type === 'table' ? (series.length ? [table(target, series)] : []) : lines(target, series);
  });
  return panel.transformations?.length ? firstValueFrom(transformDataFrame(panel.transformations, made)) : made;
}

function configured(panel, frames) {
  const custom = panel.fieldConfig.defaults.custom ?? {};
  const { custom: _, ...defaults } = panel.fieldConfig.defaults;
  const found = applyFieldOverrides({
    data: frames, theme, timeZone: 'utc', replaceVariables: (text) => text,
    fieldConfig: { defaults, overrides: panel.fieldConfig.overrides }, fieldConfigRegistry: standardFieldConfigEditorRegistry,
  });
  let index = 0;
  for (const frame of found) {
    for (const field of frame.fields) {
      field.config.custom = { ...custom, ...field.config.custom };
      if (field.type === FieldType.number) field.state = { ...field.state, seriesIndex: index++ };
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
  }
  return found;
}

const shown = (panel, frames) => getFieldDisplayValues({
  fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text,
  theme, data: frames, timeZone: 'utc',
});

function Body({ panel, frames, range, width, height }) {
  if (!frames.some((frame) => frame.length)) {
    return panel.fieldConfig.defaults.noValue
      ? <div className="empty">{panel.fieldConfig.defaults.noValue}</div> : <div className="empty" data-no-data={panel.title}>No data</div>;
  }
  switch (panel.type) {
    case 'timeseries':
      return <UI.TimeSeries frames={frames} timeRange={range} timeZone="utc" width={width} height={height}
        legend={{ ...panel.options.legend, displayMode: 'list', calcs: [] }} options={panel.options} />;
    case 'stat': {
      const values = shown(panel, frames);
      return <div style={{ display: 'flex', gap: 4 }}>{values.map((each, n) =>
        <UI.BigValue key={n} theme={theme} width={width / values.length} height={height} value={each.display} colorMode={panel.options.colorMode}
          graphMode="none" justifyMode="center" textMode={panel.options.textMode} />)}</div>;
    }
    case 'bargauge': {
      const values = shown(panel, frames);
      return <div>{values.map((each, n) =>
        <UI.BarGauge key={n} theme={theme} width={width} height={height / values.length - 2} value={each.display} field={each.field}
          display={each.view?.getFieldDisplayProcessor?.(each.colIndex)} orientation="horizontal" displayMode="basic" />)}</div>;
    }
    case 'table':
      return <UI.Table data={frames[0]} width={width} height={height} />;
    default:
      return <pre data-panel-error={panel.title}>no drawing for {panel.type}</pre>;
  }
}

class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(error) { return { error }; }
  render() { return this.state.error ? <pre data-panel-error={this.props.title}>{String(this.state.error.stack)}</pre> : this.props.children; }
}

function Panel({ panel, frames, range, column }) {
  const at = panel.gridPos;
  const place = { position: 'absolute', left: at.x * column + GAP, top: at.y * (CELL + GAP), width: at.w * column - GAP, height: at.h * (CELL + GAP) - GAP };
  if (panel.type === 'row') return <div className="row" style={{ ...place, height: CELL }}>⌄ {panel.title}</div>;
  return <div style={place}>
    <UI.PanelChrome title={panel.title} description={panel.description} width={place.width} height={place.height}>
      {(width, height) => <Guard title={panel.title}><Body panel={panel} frames={configured(panel, frames)} range={range} width={width} height={height} /></Guard>}
    </UI.PanelChrome>
  </div>;
}

function Head({ dashboard, ensemble, member }) {
  const chip = (label, value) => <span key={label}><span className="label">{label}</span><span className="value">{value}</span></span>;
  return <div className="head"><b>{dashboard.title}</b>{[['Data source', 'Prometheus'], ['Ensemble', ensemble], ['Member', member]].map((each) => chip(...each))}</div>;
}

async function draw() {
  const started = I18N.initializeI18n ? I18N.initializeI18n({ language: 'en-US', ns: [], module: 'grafana' }, 'grafana') : I18N.initPluginTranslations('grafana', []);
  await Promise.resolve(started).catch(() => undefined);
  const { dashboard, results, from, to, ensemble } = window.STORY;
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: dateTime(from * 1000), to: dateTime(to * 1000) } };
  const column = (window.innerWidth - GAP) / COLUMNS;
  const panels = await Promise.all(dashboard.panels.map(async (panel) => ({ panel, frames: panel.type === 'row' ? [] : await framesOf(panel, results) })));
  const bottom = Math.max(...dashboard.panels.map((panel) => panel.gridPos.y + panel.gridPos.h));
  createRoot(document.getElementById('app')).render(
    <ThemeContext.Provider value={theme}><UI.GlobalStyles />
      <Head dashboard={dashboard} ensemble={ensemble} member="All" />
      <div style={{ position: 'relative', height: bottom * (CELL + GAP) + GAP }}>
        {panels.map(({ panel, frames }) => <Panel key={panel.id} panel={panel} frames={frames} range={range} column={column} />)}
      </div>
    </ThemeContext.Provider>);
  setTimeout(() => { document.body.dataset.done = '1'; }, 2500);  // fonts and canvases
}
draw().catch((error) => { document.body.dataset.done = '1'; document.getElementById('app').innerHTML = `<pre data-panel-error="page">${error.stack}</pre>`; });
