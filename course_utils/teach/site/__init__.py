"""The course as a website, built offline from the notebooks with their stored outputs.

python -m course_utils.teach.site [--linkcheck]
"""
