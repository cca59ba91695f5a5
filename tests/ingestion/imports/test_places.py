import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.annotations import read_annotations
from mammo_core.ingestion.imports.tables import read_table

BOX = (165, 85, 70, 60)  # top, left, height, width


@pytest.fixture
def read(tmp_path):
    """Reads a table of one or more rows after `file` and `label`, and gives what it says."""

    def annotations(columns, *rows, delimiter=",", files=("a.png", "b.png", "c.png"), **settings):
        path = tmp_path / "labels.csv"
        lines = [f"file{delimiter}label{delimiter}{columns}"]
        lines += [
            f"{file}{delimiter}0{delimiter}{row}"
            for file, row in zip(files[: len(rows)], rows, strict=True)
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        return read_annotations(read_table(path), with_labels=True, **settings)

    return annotations


def boxes(found):
    return [(row.box.top, row.box.left, row.box.height, row.box.width) for row in found.rows]


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("xmin,ymin,xmax,ymax", "85,165,145,235"),
        ("x_min,y_min,x_max,y_max", "85,165,145,235"),
        ("X Min,Y Min,X Max,Y Max", "85,165,145,235"),
        ("xMin,yMin,xMax,yMax", "85,165,145,235"),
        ("y_max,x_max,y_min,x_min", "235,145,165,85"),
        ("min_x,min_y,max_x,max_y", "85,165,145,235"),
        ("bbox_x_min,bbox_y_min,bbox_x_max,bbox_y_max", "85,165,145,235"),
        ("xmin_px,ymin_px,xmax_px,ymax_px", "85,165,145,235"),
        ("x1,y1,x2,y2", "85,165,145,235"),
        ("roi_x1,roi_y1,roi_x2,roi_y2", "85,165,145,235"),
        ("x0,y0,x1,y1", "85,165,145,235"),
        ("xtl,ytl,xbr,ybr", "85,165,145,235"),
        ("left,top,right,bottom", "85,165,145,235"),
        ("mass_bbox_x_min,mass_bbox_y_min,mass_bbox_x_max,mass_bbox_y_max", "85,165,145,235"),
        ("Tumor X Min (px),Tumor Y Min (px),Tumor X Max (px),Tumor Y Max (px)", "85,165,145,235"),
        ("x_1,y_1,x_2,y_2", "85,165,145,235"),
        ("note,xmin,ymin,xmax,ymax,Note", "a,85,165,145,235,b"),
        ("min_row,min_col,max_row,max_col", "165,85,235,145"),
        ("x,y,width,height", "85,165,60,70"),
        ("x,y,w,height", "85,165,60,70"),
        ("x,y,w,h", "85,165,60,70"),
        ("left,top,w,h", "85,165,60,70"),
        ("box_top,box_left,box_height,box_width", "165,85,70,60"),
        ("bbox_x,bbox_y,bbox_width,bbox_height,width,height", "85,165,60,70,3000,4000"),
        ("x_center,y_center,width,height", "115,200,60,70"),
        ("cx,cy,w,h", "115,200,60,70"),
        ("bbox_xywh", '"[85, 165, 60, 70]"'),
        ("bbox", '"[85, 165, 60, 70]"'),
        ("bbox", "85 165 60 70"),
        ("bounding_box", '"(85.2, 165.0, 60.1, 70.0)"'),
        ("bbox_xyxy", '"[85, 165, 145, 235]"'),
        ("ROI_coords", '"((165, 85, 235, 145),)"'),
        ("ROI_coords", '"[[165, 85, 235, 145]]"'),
        # as VinDr-Mammo has them, with the size of the image
        ("height,width,xmin,ymin,xmax,ymax", "3518,2800,85,165,145,235"),
        ("x,y,width,height,xmin,ymin,xmax,ymax", "85,165,60,70,85,165,145,235"),
    ],
)
def test_usual_spellings_of_boxes_are_read(read, columns, cells):
    found = read(columns, cells)

    assert (boxes(found), found.bad, found.has_places) == ([BOX], [], True)
    assert "Places of masses are read from " in found.notes[0]


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("x_center,y_center,radius", "100.5,200,30"),
        ("center_x,center_y,r", "100.5,200,30"),
        ("cx,cy,radius_px", "100.5,200,30"),
    ],
)
def test_circles_give_the_square_around_them(read, columns, cells):
    found = read(columns, cells)

    assert boxes(found) == [(170, 70, 60, 60)]
    assert not found.rows[0].from_bottom


@pytest.mark.parametrize(
    ("columns", "file"),
    [
        ("x,y,radius", "mdb001.pgm"),
        ("X,Y,RADIUS", "all/mdb322.png"),
        ("x,y_from_bottom,r", "a.png"),
    ],
)
def test_y_counts_from_the_bottom_where_mias_says_so(read, columns, file):
    found = read(columns, "535,425,197", files=(file,))

    assert boxes(found) == [(228, 338, 394, 394)]
    assert found.rows[0].from_bottom
    assert "from the bottom" in found.notes[0]


def test_circle_that_may_count_from_either_side_is_refused_with_the_way_out(read):
    assert "MIAS counts y from the bottom" in read("x,y,radius", "535,425,197").no_places
    assert "y_from_bottom" in read("x,y,radius", "535,425,197").no_places


def test_one_row_may_have_several_boxes_or_none(read):
    found = read("ROI_coords", '"((10, 20, 40, 60), (100, 50, 130, 90))"', "()", '""')

    assert boxes(type(found)(rows=found.rows[:2], bad=[])) == [(10, 20, 30, 40), (100, 50, 30, 40)]
    assert [row.box for row in found.rows[2:]] == [None, None]
    assert [row.line for row in found.rows] == [2, 2, 3, 4]


def test_bbox_is_taken_for_corners_or_sizes_only_where_its_numbers_tell(read):
    corners = ('"[85, 165, 145, 235]"', '"[10, 20, 110, 220]"')
    sizes = ('"[20, 30, 100, 100]"', '"[85, 165, 60, 70]"')

    assert boxes(read("bbox", *sizes)) == [(30, 20, 100, 100), BOX]
    with pytest.raises(
        IngestionError, match="bbox of labels.csv to be x, y, width, height.*bbox_xyxy"
    ):
        read("bbox", *corners)
    assert boxes(read("bbox_xyxy", *corners)) == [BOX, (20, 10, 200, 100)]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("xmin,ymin,xmax,ymax", ("0.12,0.1,0.88,0.93", "0.2,0.3,0.4,0.5")),
        ("x,y,width,height", ("0.5,0.5,0.2,0.1",)),
        ("x_center,y_center,width,height", ("0.51,0.48,0.2,0.1", "0.3,0.3,0.04,0.05")),
        ("x_center,y_center,w,h", ("5.1e-1,4.8e-1,.2,.1",)),
        ("bbox", ('"[0.5, 0.5, 0.2, 0.1]"',)),
        ("bbox_xyxy", ('"[0.1, 0.1, 0.9, 0.8]"',)),
        ("xmin,ymin,xmax,ymax", ("0,0,1,1", "0,0.25,1,1")),
        ("x_center,y_center,radius", ("0.5,0.4,0.1",)),
        ("ROI_coords", ('"((0.1, 0.1, 0.4, 0.5),)"',)),
    ],
)
def test_shares_of_the_image_are_refused_by_name(read, columns, rows):
    with pytest.raises(IngestionError, match="in pixels; got shares of the image, as YOLO writes"):
        read(columns, *rows)


def test_one_share_among_pixels_costs_its_row(read):
    found = read("xmin,ymin,xmax,ymax", "85,165,145,235", "0,0,1,1")

    assert boxes(found) == [BOX]
    assert [(row.line, row.kind) for row in found.bad] == [(3, "box not understood")]
    assert "numbers up to 1" in found.bad[0].reason


@pytest.mark.parametrize(
    ("columns", "cells", "named"),
    [
        ("lesion_x,lesion_y", "85,165", "lesion_x, lesion_y"),
        ("x_pct,y_pct,w_pct,h_pct", "8,16,6,7", "x_pct, y_pct"),
        (
            "xmin_norm,ymin_norm,xmax_norm,ymax_norm",
            ".1,.2,.3,.4",
            "xmin_norm, ymin_norm, xmax_norm, ymax_norm",
        ),
        ("xmin,ymin,xmax", "85,165,145", "xmin, ymin, xmax"),
        ("x,y", "85,165", "x, y"),
        ("coords", '"85 165 145 235"', "coords"),
        ("polygon", '"[[85,165],[145,235]]"', "polygon"),
        ("where", '"[85, 165, 145, 235]"', "where"),
        ("roi", "85-165", "roi"),
        ("bbox_0,bbox_1,bbox_2,bbox_3", "85,165,145,235", "bbox_0, bbox_1, bbox_2, bbox_3"),
        ("bbox", '"{""x"": 85}"', "bbox"),
        ("centroid_x,centroid_y", "85,165", "centroid_x, centroid_y"),
        ("segmentation", "outlines/7.png", "segmentation"),
        ("ulx,uly,lrx,lry", "85,165,145,235", "ulx, uly, lrx, lry"),
        (
            "breast_xmin,breast_ymin,breast_xmax,breast_ymax",
            "10,12,90,95",
            "breast_xmin, breast_ymin, breast_xmax, breast_ymax",
        ),
        ("note,x,y,Note", "a,85,165,b", "x, y"),
        ("row_start,row_end", "165,235", "row_start, row_end"),
        ("bbox_w,bbox_h", "60,70", "bbox_w, bbox_h"),
    ],
)
def test_columns_that_look_like_places_are_named(read, columns, cells, named):
    found = read(columns, cells)

    assert not found.has_places
    assert f"labels.csv has {named}, which may be" in found.no_places
    with pytest.raises(IngestionError, match="may be places and are not understood"):
        read(columns, cells, with_boxes=True)


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("width,height", "3000,4000"),
        ("left_or_right_breast,age", "LEFT,61"),
        ("center,site", "2,north"),
        ("y,is_x", "1,0"),
        ("num_roi,roi_id,box_number", "2,7,1"),
        ("pixel_spacing_x,pixel_spacing_y", "0.07,0.07"),
        ("x_ray_tube,exposure", "T1,80"),
        ("location,comment", "upper outer,x"),
        ("bbox,coords", ","),
        ("note,Note", "a,b"),
    ],
)
def test_columns_of_other_things_are_left_behind(read, columns, cells):
    found = read(columns, cells)

    assert (found.has_places, found.no_places, found.bad) == (False, "", [])


def test_two_sets_of_places_that_differ_are_refused(read):
    with pytest.raises(
        IngestionError, match="xmin, ymin, xmax, ymax and x, y, width, height .* line 3"
    ):
        read(
            "xmin,ymin,xmax,ymax,x,y,width,height",
            "85,165,145,235,85,165,60,70",
            "85,165,145,235,115,200,60,70",
        )


@pytest.mark.parametrize(
    "cells",
    [
        "85.1234567890625,165.0000000000001,145.2,235.49999999999",
        "8.5e1,1.65E+02,1.45e2,2350e-1",
        "+85,165.,145.0,235.00",
        ' 85 ,"165,0","145,2",235',
    ],
)
def test_numbers_are_read_however_long(read, cells):
    assert boxes(read("xmin,ymin,xmax,ymax", cells)) == [BOX]


@pytest.mark.parametrize(
    ("cells", "delimiter"),
    [
        ('"1,204",165,1300,235', ","),
        ('85,165,"1,450",235', ","),
        ('85.5,165,"1,450",235', ","),
        ("85;165;1.450;235", ";"),
        ("85,5;165;1.450;235", ";"),
        ("85;165;1,450;235", ";"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_cost_their_row(read, cells, delimiter):
    found = read(f"xmin{delimiter}ymin{delimiter}xmax{delimiter}ymax", cells, delimiter=delimiter)

    assert [row.kind for row in found.bad] == ["box not understood"]
    assert "read in one way only" in found.bad[0].reason


@pytest.mark.parametrize(
    ("rows", "delimiter"),
    [
        (('"1,204","165,5","1264,2","235,5"',), ","),
        (("1,204;2,5;1300;235,5",), ";"),
        (("1.204,2.5,1300,235.125",), ","),
        (("1.204;2.5;1300;235.5",), ";"),
    ],
)
def test_another_cell_tells_what_a_mark_means(read, rows, delimiter):
    found = read(f"xmin{delimiter}ymin{delimiter}xmax{delimiter}ymax", *rows, delimiter=delimiter)

    assert found.bad == []
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "cells",
    ["85,165,145,inf", "85,165,145,1e999", "85,165,nan1,235", "145,165,85,235", "1 204,1,2,3"],
)
def test_what_is_no_box_costs_its_row(read, cells):
    found = read("xmin,ymin,xmax,ymax", "85,165,145,235", cells)

    assert boxes(found) == [BOX]
    assert [(row.line, row.kind) for row in found.bad] == [(3, "box not understood")]
    assert found.bad[0].about.file == "b.png"
