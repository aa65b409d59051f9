// What the page says beyond what the server sends, in both languages.
export const chinese = document.documentElement.lang.startsWith("zh");
export const language = chinese ? "zh" : "en";

const words = {
  util: ["GPU-Util", "GPU利用率"],
  live: ["live", "实时"],
  connecting: ["connecting", "连接中"],
  offline: ["not connected", "未连接"],
  stalled: ["no new readings", "读数停滞"],
  serverGone: ["The monitor does not answer. Trying again; what you see is from before.",
    "监控程序没有响应，正在重试；下方为此前的数据。"],
  restarted: ["The monitor was started anew; its history begins again.", "监控程序已重新启动，历史从头开始。"],
  serverSays: ["The monitor answered", "监控程序返回"],
  tokenAsk: ["This monitor asks for its token.", "此监控需要令牌。"],
  tokenWrong: ["That token was refused.", "该令牌被拒绝。"],
  tokenLabel: ["Token", "令牌"],
  tokenSend: ["Show the monitor", "进入监控"],
  noGpu: ["No GPU is watched", "没有可监控的GPU"],
  noGpuHint: ["Only this computer's CPU and memory are shown.", "仅显示本机的CPU和内存。"],
  lost: ["lost", "掉卡"],
  stuck: ["driver call stuck", "驱动调用卡住"],
  allGpus: ["All GPUs", "全部GPU"],
  mean: ["mean", "平均"],
  total: ["total", "合计"],
  memory: ["Memory", "显存"],
  power: ["Power", "功耗"],
  temperature: ["Temperature", "温度"],
  clock: ["SM clock", "SM频率"],
  energy: ["Energy since start", "启动以来能耗"],
  activity: ["Activity", "利用率"],
  history: ["History", "历史曲线"],
  verdict: ["Last minute", "最近一分钟"],
  inside: ["Seen inside the program", "程序内部所见"],
  gathering: ["Gathering evidence: a verdict needs 20 s of data.", "正在收集证据：需要 20 秒数据才能给出结论。"],
  noVerdict: ["No verdict", "没有结论"],
  sure: ["sure", "可信度"],
  next: ["Next", "下一步"],
  run: ["Since start", "启动以来"],
  average: ["mean", "平均"],
  p95: ["95th percentile", "95百分位"],
  under10: ["Below 10 %", "低于10%的时间"],
  throttled: ["Throttled", "降频时间"],
  peak: ["Peak memory", "峰值显存"],
  energyShort: ["Energy", "能耗"],
  processes: ["Processes", "进程"],
  gpu: ["GPU", "GPU"],
  pid: ["PID", "PID"],
  process: ["Process", "进程"],
  sm: ["SM", "SM"],
  noProcesses: ["No process uses a GPU.", "没有进程使用GPU。"],
  host: ["Host", "主机"],
  cpu: ["CPU", "CPU"],
  iowait: ["I/O wait", "I/O等待"],
  busiest: ["Busiest core", "最忙核心"],
  hostMemory: ["Memory", "内存"],
  disk: ["Disk reads", "磁盘读取"],
  minute: ["1 min", "1分钟"],
  tenMinutes: ["10 min", "10分钟"],
  hour: ["1 h", "1小时"],
  now: ["now", "现在"],
  driver: ["driver", "驱动"],
};

export const say = (key) => words[key][chinese ? 1 : 0];

// A headline may begin in lower case where it comes from a table of terms.
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const missing = "–";

export function number(value, digits = 0) {
  return value === null || value === undefined ? missing : value.toFixed(digits);
}
export const percent = (value) => (value === null || value === undefined ? missing : `${value.toFixed(0)} %`);
export const gib = (mib) => number(mib === null || mib === undefined ? null : mib / 1024, 1);

// "1.2 kWh", "340 Wh": joules as people pay for them.
export function energy(joules) {
  if (joules === null || joules === undefined) return missing;
  const wh = joules / 3600;
  return wh >= 1000 ? `${(wh / 1000).toFixed(2)} kWh` : `${wh.toFixed(wh < 10 ? 2 : 0)} Wh`;
}

// "3 h 12 min"
export function span(seconds) {
  const units = chinese ? [" 天 ", " 小时 ", " 分钟", " 秒"] : [" d ", " h ", " min", " s"];
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60];
  if (days) return `${days}${units[0]}${hours}${units[1]}`.trim();
  if (hours) return `${hours}${units[1]}${minutes}${units[2]}`;
  return minutes ? `${minutes}${units[2]}` : `${Math.floor(seconds)}${units[3]}`;
}
