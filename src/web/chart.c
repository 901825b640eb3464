#include "web/chart.h"

#include "web/page.h"

/* The plot is as wide as its place: across, positions are shares of the width in per cent; down, they are pixels. Lines
 * and areas are drawn in a nested picture that is stretched, marks at their place in pixels. */
#define PLOT_HEIGHT 290.0
#define PLOT_TOP 38.0
#define SIGN_LANE 15.0 /* tensions and repairs stand above the plot, with a stem to their session */
#define PLOT_BOTTOM 262.0
#define LONG_COURSE 14 /* sessions beyond which a narrow screen scrolls the chart */

struct frame {
  const struct course *course;
  double low, high; /* of the scale */
};

static double across(const struct course *course, size_t i) {
  return ((double)i + 0.5) / (double)(course->count ? course->count : 1) * 100;
}

static double down(const struct frame *frame, double value) {
  double share = frame->high > frame->low ? (value - frame->low) / (frame->high - frame->low) : 0;
  if (share < 0) share = 0;
  if (share > 1) share = 1;
  return PLOT_BOTTOM - share * (PLOT_BOTTOM - PLOT_TOP);
}

/* "-0.0" would tell of a rounding, not of a place. */
static double tidy(double value) {
  return value < 0.05 && value > -0.05 ? 0 : value;
}

static void write_point(struct buf *out, double x, double y) {
  html(out, "%.1f,%.1f ", tidy(x), tidy(y));
}

/* Whether something was expected of this session: not of a first one, nor of one that was not rated. */
bool course_band_known(const struct course_point *point) {
  return point->seen.known && point->has[0] && point->seen.high > point->seen.low;
}

/* ---- the course ---- */

/* Across a session that was not rated the band goes straight on. */
static void write_band(struct buf *out, const struct frame *frame) {
  const struct course *course = frame->course;
  html(out, "<polygon class=\"band\" points=\"");
  for (size_t i = 0; i < course->count; i++)
    if (course_band_known(&course->points[i]))
      write_point(out, across(course, i), down(frame, course->points[i].seen.high));
  for (size_t i = course->count; i-- > 0;)
    if (course_band_known(&course->points[i]))
      write_point(out, across(course, i), down(frame, course->points[i].seen.low));
  html(out, "\"/>");
}

static void write_thread(struct buf *out, const struct frame *frame, int rater) {
  const struct course *course = frame->course;
  html(out, "<polyline class=\"thread %s\" points=\"", rater ? "therapist" : "patient");
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].has[rater]) write_point(out, across(course, i), down(frame, course->points[i].rating[rater]));
  html(out, "\"/>");
}

static void write_grid(struct buf *out, const struct frame *frame) {
  for (int i = 0; i <= 4; i++) {
    double y = down(frame, frame->low + (frame->high - frame->low) * i / 4);
    html(out, "<line class=\"%s\" x1=\"0\" x2=\"100\" y1=\"%.1f\" y2=\"%.1f\"/>", i ? "grid" : "axis", y, y);
  }
}

static void write_dot(struct buf *out, double x, double y, int rater) {
  html(out, "<svg x=\"%.1f%%\" y=\"%.1f\" class=\"spot\">", x, y);
  if (rater)
    html(out, "<rect class=\"dot therapist\" x=\"-5.5\" y=\"-5.5\" width=\"11\" height=\"11\"/></svg>");
  else
    html(out, "<circle class=\"dot patient\" r=\"6.5\"/></svg>");
}

static void write_sign(struct buf *out, double x, double y, enum detection_event event) {
  html(out, "<svg x=\"%.1f%%\" y=\"%.1f\" class=\"spot\">", x, y);
  if (event == DETECTION_TENSION)
    html(out, "<path class=\"sign tension\" d=\"M-10-9h20L0 9z\"/></svg>");
  else
    html(out, "<path class=\"sign repair\" d=\"M0-11l10 11L0 11-10 0z\"/></svg>");
}

static void write_marks(struct buf *out, const struct frame *frame) {
  const struct course *course = frame->course;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    double x = across(course, i), highest = PLOT_BOTTOM;
    for (int rater = 1; rater >= 0; rater--) {
      if (!point->has[rater]) continue;
      double y = down(frame, point->rating[rater]);
      if (y < highest) highest = y;
      write_dot(out, x, y, rater);
    }
    if (point->seen.event == DETECTION_NONE) continue;
    if (highest - 9 > SIGN_LANE + 10)
      html(out, "<line class=\"stem\" x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x, SIGN_LANE + 8,
           highest - 9);
    write_sign(out, x, SIGN_LANE, point->seen.event);
  }
}

static void write_sessions(struct request *request, const struct course *course) {
  size_t step = course->count > 24 ? 5 : course->count > 9 ? 2 : 1;
  for (size_t i = 0; i < course->count; i += step)
    html(&request->out, "<text x=\"%.1f%%\" y=\"283\" text-anchor=\"middle\">%s</text>", across(course, i),
         say_count(request, course->points[i].session_number));
}

static void write_scale_axis(struct request *request, const struct frame *frame) {
  html(&request->out, "<svg width=\"40\" height=\"%.0f\" aria-hidden=\"true\">", PLOT_HEIGHT);
  for (int i = 0; i <= 4; i++) {
    double value = frame->low + (frame->high - frame->low) * i / 4;
    int decimals = (frame->high - frame->low) / 4 == (double)(int64_t)((frame->high - frame->low) / 4) ? 0 : 1;
    html(&request->out, "<text x=\"34\" y=\"%.1f\" text-anchor=\"end\">%s</text>", down(frame, value) + 5.5,
         say_number(request, value, decimals));
  }
  html(&request->out, "</svg>");
}

static void write_description(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  html(out, "<title>");
  say(request, WORD_CHART_TITLE, course->patient);
  html(out, "</title><desc>");
  say(request, WORD_CHART_SESSIONS, say_count(request, (int64_t)course->count));
  for (size_t i = 0; i < course->count; i++) {
    enum detection_event event = course->points[i].seen.event;
    if (event == DETECTION_NONE) continue;
    html(out, " ");
    say(request, event == DETECTION_TENSION ? WORD_CHART_TENSION_AT : WORD_CHART_REPAIR_AT,
        say_count(request, course->points[i].session_number));
  }
  html(out, " ");
  say(request, WORD_CHART_TABLE_BELOW);
  html(out, "</desc>");
}

static bool any_rating(const struct course *course, int rater) {
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].has[rater]) return true;
  return false;
}

static void write_key(struct request *request, const struct course *course) {
  static const char *const shapes[] = {"<circle class=\"dot patient\" cx=\"9\" cy=\"9\" r=\"6.5\"/>",
                                       "<rect class=\"dot therapist\" x=\"3\" y=\"3\" width=\"12\" height=\"12\"/>",
                                       "<rect class=\"band\" width=\"18\" height=\"18\"/>",
                                       "<path class=\"sign tension\" d=\"M0 1h18L9 17z\"/>",
                                       "<path class=\"sign repair\" d=\"M9 0l9 9-9 9-9-9z\"/>"};
  static const enum word words[] = {WORD_CHART_PATIENT, WORD_CHART_THERAPIST, WORD_CHART_BAND, WORD_STATE_TENSION,
                                    WORD_CHART_REPAIR};
  struct buf *out = &request->out;
  html(out, "<ul class=\"key\">");
  for (int i = 0; i < 5; i++) {
    if (i < 2 && !any_rating(course, i)) continue;
    html(out, "<li><svg width=\"18\" height=\"18\" aria-hidden=\"true\">");
    buf_adds(out, shapes[i]);
    html(out, "</svg> ");
    say(request, words[i]);
    html(out, "</li>");
  }
  html(out, "</ul>");
}

static void plot_open(struct buf *out) {
  html(out,
       "<svg x=\"0\" y=\"0\" width=\"100%%\" height=\"%.0f\" viewBox=\"0 0 100 %.0f\" preserveAspectRatio=\"none\">",
       PLOT_HEIGHT, PLOT_HEIGHT);
}

void chart_course(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  struct frame frame = {.course = course, .low = course->lowest, .high = course->highest};
  bool is_long = course->count > LONG_COURSE;
  html(out, "<figure class=\"chart\">");
  write_scale_axis(request, &frame);
  html(out, "<div class=\"plot%s\"", is_long ? " long" : "");
  if (is_long) html(out, " tabindex=\"0\""); /* it scrolls: a keyboard must reach it */
  html(out, "><svg role=\"img\" height=\"%.0f\">", PLOT_HEIGHT);
  write_description(request, course);
  plot_open(out);
  write_grid(out, &frame);
  write_band(out, &frame);
  for (int rater = 1; rater >= 0; rater--) write_thread(out, &frame, rater);
  html(out, "</svg>");
  write_marks(out, &frame);
  write_sessions(request, course);
  html(out, "</svg></div></figure>");
  write_key(request, course);
}

/* ---- a small line for a list ---- */

#define SPARK_WIDTH 132.0
#define SPARK_HEIGHT 44.0

/* What the small line shows: the ratings and the band, but never less than half of the scale, so that a small change
 * does not look like a great one. */
struct window {
  double low, high;
};

static void window_take(struct window *window, double value) {
  if (value < window->low) window->low = value;
  if (value > window->high) window->high = value;
}

static struct window spark_window(const struct course *course) {
  struct window window = {course->highest, course->lowest};
  double half = (course->highest - course->lowest) / 2;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    if (point->has[0]) window_take(&window, point->rating[0]);
    if (course_band_known(point)) window_take(&window, point->seen.low), window_take(&window, point->seen.high);
  }
  if (window.low > window.high) return (struct window){course->lowest, course->highest};
  if (window.high - window.low < half) {
    double middle = (window.high + window.low) / 2;
    if (middle + half / 2 > course->highest) middle = course->highest - half / 2;
    if (middle - half / 2 < course->lowest) middle = course->lowest + half / 2;
    window = (struct window){middle - half / 2, middle + half / 2};
  }
  return window;
}

static double spark_y(const struct window *window, double value) {
  double share = window->high > window->low ? (value - window->low) / (window->high - window->low) : 0;
  return SPARK_HEIGHT - 6 - (share < 0 ? 0 : share > 1 ? 1 : share) * (SPARK_HEIGHT - 12);
}

static double spark_x(const struct course *course, size_t i) {
  return course->count > 1 ? 6 + (SPARK_WIDTH - 12) * (double)i / (double)(course->count - 1) : SPARK_WIDTH / 2;
}

void chart_spark(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  if (!course->count) return;
  size_t last = course->count;
  struct window window = spark_window(course);
  html(out, "<svg class=\"spark\" width=\"132\" height=\"44\" viewBox=\"0 0 132 44\" aria-hidden=\"true\">");
  html(out, "<polygon class=\"band\" points=\"");
  for (size_t i = 0; i < course->count; i++)
    if (course_band_known(&course->points[i]))
      write_point(out, spark_x(course, i), spark_y(&window, course->points[i].seen.high));
  for (size_t i = course->count; i-- > 0;)
    if (course_band_known(&course->points[i]))
      write_point(out, spark_x(course, i), spark_y(&window, course->points[i].seen.low));
  html(out, "\"/>");
  html(out, "<polyline class=\"thread patient\" points=\"");
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].has[0]) {
      write_point(out, spark_x(course, i), spark_y(&window, course->points[i].rating[0]));
      last = i;
    }
  html(out, "\"/>");
  if (last < course->count)
    html(out, "<circle class=\"dot patient\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", spark_x(course, last),
         spark_y(&window, course->points[last].rating[0]));
  html(out, "</svg>");
}

/* ---- recruitment by week ---- */

#define WEEKS_BOTTOM 132.0

void chart_weeks(struct request *request, const struct week *weeks, size_t count) {
  struct buf *out = &request->out;
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
           say_count(request, most * i / 2));
  html(out, "</svg><div class=\"plot\"><svg role=\"img\" height=\"160\"><title>");
  say(request, WORD_WEEKS_TITLE);
  html(out, "</title><desc>");
  say(request, WORD_WEEKS_DESC, say_count(request, total), say_count(request, (int64_t)count));
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
      say_date_short(request, weeks[0].first_day), say_date_short(request, weeks[count - 1].first_day));
}
