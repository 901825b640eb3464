#include "report/chart.h"

#include "report/course_words.h"

/* The plot is as wide as its place: across, positions are shares of the width in per cent; down, they are pixels. Lines
 * and areas are drawn in a nested picture that is stretched, marks at their place in pixels. */
#define PLOT_TOP 38.0
#define PLOT_BOTTOM 262.0
#define PLOT_HEIGHT 312.0
#define WELL_TOP 12.0
#define WELL_BOTTOM 92.0
#define WELL_HEIGHT 104.0
#define SIGN_LANE 15.0     /* tensions and repairs stand above the plot, with a stem to their session */
#define LONG_COURSE 14     /* sessions beyond which a narrow screen scrolls the chart */
#define LEAST_SESSIONS 6   /* across, where fewer are planned */

int64_t chart_sessions(const struct course *course) {
  int64_t most = course->sessions_planned > LEAST_SESSIONS ? course->sessions_planned : LEAST_SESSIONS;
  int64_t first = course->count && course->points[0].session_number < 1 ? course->points[0].session_number : 1;
  int64_t last = course->last_number;
  if (course->count && course->points[course->count - 1].session_number > last) last = course->points[course->count - 1].session_number;
  return last - first + 1 > most ? last - first + 1 : most;
}

/* Where things stand: a scale down, sessions across. */
struct frame {
  const struct course *course;
  enum language language;
  double low, high;   /* of the scale */
  double top, bottom; /* pixels */
  int64_t first, sessions;
  int decimals;
};

static double across(const struct frame *frame, int64_t number) {
  return ((double)(number - frame->first) + 0.5) / (double)frame->sessions * 100;
}

static double down(const struct frame *frame, double value) {
  double share = frame->high > frame->low ? (value - frame->low) / (frame->high - frame->low) : 0;
  if (share < 0) share = 0;
  if (share > 1) share = 1;
  return frame->bottom - share * (frame->bottom - frame->top);
}

/* "-0.0" would tell of a rounding, not of a place. */
static double tidy(double value) {
  return value < 0.05 && value > -0.05 ? 0 : value;
}

static void write_point(struct buf *out, double x, double y) {
  html(out, "%.1f,%.1f ", tidy(x), tidy(y));
}

/* ---- what is drawn: three series over the sessions ---- */

enum series { SERIES_PATIENT = PERSON_PATIENT, SERIES_THERAPIST = PERSON_THERAPIST, SERIES_WELL_BEING, SERIES_COUNT };

static bool series_has(const struct course_point *point, enum series series) {
  return series == SERIES_WELL_BEING ? point->has_well_being : point->has[series];
}
static double series_value(const struct course_point *point, enum series series) {
  return series == SERIES_WELL_BEING ? point->well_being : point->rating[series];
}
static bool series_any(const struct course *course, enum series series) {
  for (size_t i = 0; i < course->count; i++)
    if (series_has(&course->points[i], series)) return true;
  return false;
}
static bool adjacent(const struct course *course, size_t i) {
  return i && course->points[i].session_number == course->points[i - 1].session_number + 1;
}

/* A line from rating to rating; over sessions without one it breaks. */
static void write_thread(struct buf *out, const struct frame *frame, enum series series) {
  static const char *const names[] = {"patient", "therapist", "well-being"};
  const struct course *course = frame->course;
  html(out, "<path class=\"thread %s\" d=\"", names[series]);
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    if (!series_has(point, series)) continue;
    bool goes_on = adjacent(course, i) && series_has(&course->points[i - 1], series);
    buf_addc(out, goes_on ? 'L' : 'M');
    write_point(out, across(frame, point->session_number), down(frame, series_value(point, series)));
  }
  html(out, "\"/>");
}

static bool band_known(const struct course_point *point) {
  return point->place != PLACE_UNKNOWN;
}

/* One area for sessions in a row of which something was expected; it begins and ends a little beside them, so that one
 * session alone has one too. */
static void write_band_run(struct buf *out, const struct frame *frame, size_t begin, size_t end) {
  const struct course_point *points = frame->course->points;
  double beside = 0.3 / (double)frame->sessions * 100;
  html(out, "<polygon class=\"band\" points=\"");
  write_point(out, across(frame, points[begin].session_number) - beside, down(frame, points[begin].seen.high));
  for (size_t i = begin; i < end; i++) write_point(out, across(frame, points[i].session_number), down(frame, points[i].seen.high));
  write_point(out, across(frame, points[end - 1].session_number) + beside, down(frame, points[end - 1].seen.high));
  write_point(out, across(frame, points[end - 1].session_number) + beside, down(frame, points[end - 1].seen.low));
  for (size_t i = end; i-- > begin;) write_point(out, across(frame, points[i].session_number), down(frame, points[i].seen.low));
  write_point(out, across(frame, points[begin].session_number) - beside, down(frame, points[begin].seen.low));
  html(out, "\"/>");
}

static void write_band(struct buf *out, const struct frame *frame) {
  const struct course *course = frame->course;
  for (size_t i = 0; i < course->count; i++) {
    size_t begin = i;
    if (!band_known(&course->points[i])) continue;
    while (i + 1 < course->count && adjacent(course, i + 1) && band_known(&course->points[i + 1])) i++;
    write_band_run(out, frame, begin, i + 1);
  }
}

static void write_grid(struct buf *out, const struct frame *frame, int steps) {
  for (int i = 0; i <= steps; i++) {
    double y = down(frame, frame->low + (frame->high - frame->low) * i / steps);
    html(out, "<line class=\"%s\" x1=\"0\" x2=\"100\" y1=\"%.1f\" y2=\"%.1f\"/>", i ? "grid" : "axis", y, y);
  }
}

/* ---- marks ---- */

static void write_dot(struct buf *out, double x, double y, enum series series) {
  html(out, "<svg x=\"%.1f%%\" y=\"%.1f\" class=\"spot\">", x, y);
  if (series == SERIES_PATIENT)
    html(out, "<circle class=\"dot patient\" r=\"6.5\"/></svg>");
  else if (series == SERIES_THERAPIST)
    html(out, "<rect class=\"dot therapist\" x=\"-5.5\" y=\"-5.5\" width=\"11\" height=\"11\"/></svg>");
  else
    html(out, "<circle class=\"dot well-being\" r=\"5\"/></svg>");
}

/* A tension, a repair, or both in one session, side by side. */
static void write_signs(struct buf *out, double x, const struct course_point *point) {
  bool both = point->tension && point->mended != MENDED_NOT;
  html(out, "<svg x=\"%.1f%%\" y=\"%.1f\" class=\"spot\">", x, SIGN_LANE);
  if (point->tension)
    html(out, "<path class=\"sign tension\" d=\"M%.0f-9h20l-10 18z\"/>", both ? -22.0 : -10.0);
  if (point->mended != MENDED_NOT)
    html(out, "<path class=\"sign %s\" d=\"M%.0f-11l10 11-10 11-10-11z\"/>", point->mended == MENDED ? "repair" : "unconfirmed",
         both ? 12.0 : 0.0);
  html(out, "</svg>");
}

static void write_marks(struct buf *out, const struct frame *frame) {
  const struct course *course = frame->course;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    double x = across(frame, point->session_number), highest = frame->bottom;
    for (int rater = 1; rater >= 0; rater--) {
      if (!point->has[rater]) continue;
      double y = down(frame, point->rating[rater]);
      if (y < highest) highest = y;
      write_dot(out, x, y, (enum series)rater);
    }
    if (!point->tension && point->mended == MENDED_NOT) continue;
    if (highest - 9 > SIGN_LANE + 10)
      html(out, "<line class=\"stem\" x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x, SIGN_LANE + 10, highest - 9);
    write_signs(out, x, point);
  }
}

/* ---- axes ---- */

static int64_t day_of(const struct course *course, int64_t number) {
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].session_number == number) return course->points[i].held_day;
  return -1;
}

/* Numbers below the plot, dates below the numbers, as many as have room on a narrow screen. */
static void write_sessions(struct buf *out, const struct frame *frame) {
  int64_t sessions = frame->sessions, step = sessions > 24 ? 5 : sessions > 9 ? 2 : 1;
  int64_t dates = step * (sessions <= LONG_COURSE ? (sessions / step + 4) / 5 : (sessions / step + 8) / 9);
  for (int64_t i = 0; i < sessions; i += step) {
    int64_t number = frame->first + i, day = day_of(frame->course, number);
    double x = across(frame, number);
    html(out, "<text x=\"%.1f%%\" y=\"283\" text-anchor=\"middle\">%s</text>", x, count_words(out->arena, frame->language, number));
    if (i % dates == 0 && day >= 0)
      html(out, "<text class=\"date\" x=\"%.1f%%\" y=\"304\" text-anchor=\"middle\">%s</text>", x, date_short(out->arena, frame->language, day));
  }
}

static void write_scale(struct buf *out, const struct frame *frame, int steps, double height) {
  double step = (frame->high - frame->low) / steps;
  int decimals = step == (double)(int64_t)step ? 0 : 1;
  html(out, "<svg width=\"40\" height=\"%.0f\" aria-hidden=\"true\">", height);
  for (int i = 0; i <= steps; i++) {
    double value = frame->low + step * i;
    html(out, "<text x=\"34\" y=\"%.1f\" text-anchor=\"end\">%s</text>", down(frame, value) + 5.5,
         number_words(out->arena, frame->language, value, decimals));
  }
  html(out, "</svg>");
}

static void write_axis_title(struct buf *out, const struct frame *frame, enum word words) {
  html(out, "<p class=\"axis-title\">");
  tell(out, frame->language, words, number_words(out->arena, frame->language, frame->low, 0),
       number_words(out->arena, frame->language, frame->high, 0));
  html(out, "</p>");
}

static void plot_open(struct buf *out, double height) {
  html(out, "<svg x=\"0\" y=\"0\" width=\"100%%\" height=\"%.0f\" viewBox=\"0 0 100 %.0f\" preserveAspectRatio=\"none\">",
       height, height);
}

/* A course that is longer than a narrow screen scrolls; a keyboard must reach it. */
static void write_plot_begin(struct buf *out, const struct frame *frame, double height) {
  if (frame->sessions > LONG_COURSE)
    html(out, "<div class=\"plot long\" tabindex=\"0\">");
  else
    html(out, "<div class=\"plot\">");
  html(out, "<svg role=\"img\" height=\"%.0f\">", height);
}

/* ---- for who does not see it ---- */

/* "session 1, 64; session 2, 60", then which way it went. */
static void describe_series(struct buf *out, const struct frame *frame, enum series series, enum word words) {
  const struct course_point *first = NULL, *last = NULL;
  struct buf values = buf_in(out->arena, 256);
  for (size_t i = 0; i < frame->course->count; i++) {
    const struct course_point *point = &frame->course->points[i];
    if (!series_has(point, series)) continue;
    if (!first) first = point;
    last = point;
    buf_addf(&values, "%s%s", values.length ? "; " : "",
             told(out->arena, frame->language, WORD_CHART_VALUE, count_words(out->arena, frame->language, point->session_number),
                  number_words(out->arena, frame->language, series_value(point, series), frame->decimals)));
  }
  if (!first) return;
  tell(out, frame->language, words, values.data);
  html(out, " ");
  if (first == last) return;
  double rise = series_value(last, series) - series_value(first, series);
  tell(out, frame->language, rise > 0 ? WORD_CHART_UP : rise < 0 ? WORD_CHART_DOWN : WORD_CHART_LEVEL,
       number_words(out->arena, frame->language, rise < 0 ? -rise : rise, frame->decimals));
  html(out, " ");
}

static void describe_events(struct buf *out, const struct frame *frame) {
  for (size_t i = 0; i < frame->course->count; i++) {
    const struct course_point *point = &frame->course->points[i];
    const char *number = count_words(out->arena, frame->language, point->session_number);
    if (point->tension) {
      tell(out, frame->language, WORD_CHART_TENSION_AT, number);
      html(out, " ");
    }
    if (point->mended == MENDED_NOT) continue;
    tell(out, frame->language, point->mended == MENDED ? WORD_CHART_REPAIR_AT : WORD_CHART_UNCONFIRMED_AT, number);
    html(out, " ");
  }
}

static void write_description(struct buf *out, const struct frame *frame) {
  html(out, "<title>");
  tell(out, frame->language, WORD_CHART_TITLE, frame->course->patient);
  html(out, "</title><desc>");
  describe_series(out, frame, SERIES_PATIENT, WORD_CHART_PATIENT_VALUES);
  describe_series(out, frame, SERIES_THERAPIST, WORD_CHART_THERAPIST_VALUES);
  describe_events(out, frame);
  html(out, "</desc>");
}

/* ---- the key ---- */

static void write_key_row(struct buf *out, enum language language, const char *shape, enum word words) {
  html(out, "<li><svg width=\"18\" height=\"18\" aria-hidden=\"true\">");
  buf_adds(out, shape);
  html(out, "</svg> ");
  tell(out, language, words);
  html(out, "</li>");
}

/* Whether some session shows a tension, a repair, a repair that is not confirmed, a band. */
struct shown {
  bool tension, repair, unconfirmed, band;
};
static struct shown shown_in(const struct course *course) {
  struct shown shown = {0};
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    shown.tension |= point->tension;
    shown.repair |= point->mended == MENDED;
    shown.unconfirmed |= point->mended == MENDED_UNCONFIRMED;
    shown.band |= band_known(point);
  }
  return shown;
}

static void write_key(struct buf *out, const struct frame *frame) {
  static const char circle[] = "<circle class=\"dot patient\" cx=\"9\" cy=\"9\" r=\"6.5\"/>",
                    square[] = "<rect class=\"dot therapist\" x=\"3\" y=\"3\" width=\"12\" height=\"12\"/>",
                    area[] = "<rect class=\"band\" width=\"18\" height=\"18\"/>",
                    triangle[] = "<path class=\"sign tension\" d=\"M0 1h18L9 17z\"/>",
                    diamond[] = "<path class=\"sign repair\" d=\"M9 0l9 9-9 9-9-9z\"/>",
                    hollow[] = "<path class=\"sign unconfirmed\" d=\"M9 2l7 7-7 7-7-7z\"/>";
  struct shown shown = shown_in(frame->course);
  enum language language = frame->language;
  html(out, "<ul class=\"key\">");
  if (series_any(frame->course, SERIES_PATIENT)) write_key_row(out, language, circle, WORD_CHART_PATIENT);
  if (series_any(frame->course, SERIES_THERAPIST)) write_key_row(out, language, square, WORD_CHART_THERAPIST);
  if (shown.band)
    write_key_row(out, language, area,
                  frame->course->terms.band_rater == PERSON_PATIENT ? WORD_CHART_BAND_PATIENT : WORD_CHART_BAND_THERAPIST);
  if (shown.tension) write_key_row(out, language, triangle, WORD_STATE_TENSION);
  if (shown.repair) write_key_row(out, language, diamond, WORD_CHART_REPAIR);
  if (shown.unconfirmed) write_key_row(out, language, hollow, WORD_CHART_UNCONFIRMED);
  html(out, "</ul>");
}

/* ---- the course ---- */

static void write_well_being(struct buf *out, const struct frame *of) {
  struct frame frame = *of;
  frame.low = frame.course->well_being_lowest;
  frame.high = frame.course->well_being_highest;
  frame.top = WELL_TOP;
  frame.bottom = WELL_BOTTOM;
  write_axis_title(out, &frame, WORD_WELL_BEING_AXIS);
  html(out, "<div class=\"chart\">");
  write_scale(out, &frame, 2, WELL_HEIGHT);
  write_plot_begin(out, &frame, WELL_HEIGHT);
  html(out, "<title>");
  tell(out, frame.language, WORD_WELL_BEING_TITLE, frame.course->patient);
  html(out, "</title><desc>");
  describe_series(out, &frame, SERIES_WELL_BEING, WORD_CHART_WELL_BEING_VALUES);
  html(out, "</desc>");
  plot_open(out, WELL_HEIGHT);
  write_grid(out, &frame, 2);
  write_thread(out, &frame, SERIES_WELL_BEING);
  html(out, "</svg>");
  for (size_t i = 0; i < frame.course->count; i++)
    if (frame.course->points[i].has_well_being)
      write_dot(out, across(&frame, frame.course->points[i].session_number), down(&frame, frame.course->points[i].well_being),
                SERIES_WELL_BEING);
  html(out, "</svg></div></div>");
}

void chart_course(struct buf *out, enum language language, const struct course *course) {
  struct frame frame = {.course = course,
                        .language = language,
                        .low = course->lowest,
                        .high = course->highest,
                        .top = PLOT_TOP,
                        .bottom = PLOT_BOTTOM,
                        .first = course->count && course->points[0].session_number < 1 ? course->points[0].session_number : 1,
                        .sessions = chart_sessions(course),
                        .decimals = course_decimals(course)};
  html(out, "<figure class=\"charts\">");
  write_axis_title(out, &frame, WORD_CHART_AXIS);
  html(out, "<div class=\"chart\">");
  write_scale(out, &frame, 4, PLOT_HEIGHT);
  write_plot_begin(out, &frame, PLOT_HEIGHT);
  write_description(out, &frame);
  plot_open(out, PLOT_HEIGHT);
  write_grid(out, &frame, 4);
  write_band(out, &frame);
  write_thread(out, &frame, SERIES_THERAPIST);
  write_thread(out, &frame, SERIES_PATIENT);
  html(out, "</svg>");
  write_marks(out, &frame);
  write_sessions(out, &frame);
  html(out, "</svg></div></div><p class=\"axis-title across\">");
  tell(out, language, WORD_CHART_AXIS_SESSIONS);
  html(out, "</p>");
  write_key(out, &frame);
  if (series_any(course, SERIES_WELL_BEING)) write_well_being(out, &frame);
  html(out, "</figure>");
}

/* ---- a small line for a list ---- */

#define SPARK_WIDTH 132.0
#define SPARK_HEIGHT 44.0

static void frame_take(struct frame *frame, double value) {
  if (value < frame->low) frame->low = value;
  if (value > frame->high) frame->high = value;
}

/* What the small line shows: the ratings and the band, but never less than half of the scale, so that a small change
 * does not look like a great one. */
static void spark_scale(struct frame *frame, enum series series) {
  const struct course *course = frame->course;
  double half = (course->highest - course->lowest) / 2;
  frame->low = course->highest;
  frame->high = course->lowest;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    if (series_has(point, series)) frame_take(frame, series_value(point, series));
    if (band_known(point)) frame_take(frame, point->seen.low), frame_take(frame, point->seen.high);
  }
  if (frame->low < course->lowest) frame->low = course->lowest;
  if (frame->high > course->highest) frame->high = course->highest;
  if (frame->high - frame->low >= half) return;
  double middle = (frame->high + frame->low) / 2;
  if (middle + half / 2 > course->highest) middle = course->highest - half / 2;
  if (middle - half / 2 < course->lowest) middle = course->lowest + half / 2;
  frame->low = middle - half / 2;
  frame->high = middle + half / 2;
}

/* Dots of ratings that no line reaches, and of the last. */
static void spark_dots(struct buf *out, const struct frame *frame, enum series series) {
  const struct course *course = frame->course;
  size_t last = course->count;
  for (size_t i = 0; i < course->count; i++)
    if (series_has(&course->points[i], series)) last = i;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    bool before = adjacent(course, i) && series_has(&course->points[i - 1], series);
    bool after = i + 1 < course->count && adjacent(course, i + 1) && series_has(&course->points[i + 1], series);
    if (!series_has(point, series) || (i != last && (before || after))) continue;
    html(out, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", series == SERIES_PATIENT ? "patient" : "therapist",
         across(frame, point->session_number) / 100 * SPARK_WIDTH, down(frame, series_value(point, series)), i == last ? 4.0 : 2.5);
  }
}

static void spark_title(struct buf *out, const struct frame *frame, enum series series) {
  html(out, "<title>");
  for (size_t i = frame->course->count; i-- > 0;) {
    const struct course_point *point = &frame->course->points[i];
    if (!series_has(point, series)) continue;
    tell(out, frame->language, WORD_SPARK, count_words(out->arena, frame->language, point->session_number),
         number_words(out->arena, frame->language, series_value(point, series), frame->decimals));
    html(out, " ");
    break;
  }
  describe_series(out, frame, series, series == SERIES_PATIENT ? WORD_CHART_PATIENT_VALUES : WORD_CHART_THERAPIST_VALUES);
  html(out, "</title>");
}

void chart_spark(struct buf *out, enum language language, const struct course *course, int64_t sessions) {
  enum series series = (enum series)course->terms.band_rater;
  struct frame frame = {.course = course,
                        .language = language,
                        .top = 6,
                        .bottom = SPARK_HEIGHT - 6,
                        .first = course->count && course->points[0].session_number < 1 ? course->points[0].session_number : 1,
                        .sessions = sessions,
                        .decimals = course_decimals(course)};
  if (!series_any(course, series)) return;
  spark_scale(&frame, series);
  html(out, "<svg class=\"spark\" width=\"132\" height=\"44\" role=\"img\">");
  spark_title(out, &frame, series);
  html(out, "<svg width=\"132\" height=\"44\" viewBox=\"0 0 100 44\" preserveAspectRatio=\"none\">");
  html(out, "<line class=\"grid\" x1=\"0\" x2=\"100\" y1=\"43\" y2=\"43\"/>");
  write_band(out, &frame);
  write_thread(out, &frame, series);
  html(out, "</svg>");
  spark_dots(out, &frame, series);
  html(out, "</svg>");
}

/* ---- recruitment by week ---- */

#define WEEKS_BOTTOM 132.0

void chart_weeks(struct buf *out, enum language language, const struct week *weeks, size_t count) {
  int64_t most = 4, total = 0;
  for (size_t i = 0; i < count; i++) {
    if (weeks[i].patients > most) most = weeks[i].patients;
    if (weeks[i].planned_patients > most) most = weeks[i].planned_patients;
    total += weeks[i].patients;
  }
  if (!count) return;
  html(out, "<figure class=\"chart\"><svg width=\"40\" height=\"160\" aria-hidden=\"true\">");
  for (int i = 0; i <= 2; i++)
    if (i != 1 || most % 2 == 0)
      html(out, "<text x=\"34\" y=\"%.1f\" text-anchor=\"end\">%s</text>", WEEKS_BOTTOM - 120.0 * i / 2 + 5.5,
           count_words(out->arena, language, most * i / 2));
  html(out, "</svg><div class=\"plot\"><svg role=\"img\" height=\"160\"><title>");
  tell(out, language, WORD_WEEKS_TITLE);
  html(out, "</title><desc>");
  tell(out, language, WORD_WEEKS_DESC, count_words(out->arena, language, total), count_words(out->arena, language, (int64_t)count));
  html(out, "</desc>");
  for (int i = 0; i <= 2; i++) {
    double y = WEEKS_BOTTOM - 120.0 * i / 2;
    html(out, "<line class=\"%s\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>", i ? "grid" : "axis", y, y);
  }
  double width = 100.0 / (double)count;
  for (size_t i = 0; i < count; i++) {
    double height = 120.0 * (double)weeks[i].patients / (double)most, x = (double)i * width;
    if (weeks[i].patients)
      html(out, "<rect class=\"bar-new\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%.1f\" height=\"%.1f\"/>", x + width * 0.15,
           width * 0.7, WEEKS_BOTTOM - height, height);
    if (weeks[i].planned_patients < 0) continue;
    double y = WEEKS_BOTTOM - 120.0 * (double)weeks[i].planned_patients / (double)most;
    html(out, "<line class=\"bar-plan\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x + width, y, y);
  }
  html(
      out,
      "<text x=\"0\" y=\"154\">%s</text><text x=\"100%%\" y=\"154\" text-anchor=\"end\">%s</text></svg></div></figure>",
      date_short(out->arena, language, weeks[0].first_day), date_short(out->arena, language, weeks[count - 1].first_day));
}
