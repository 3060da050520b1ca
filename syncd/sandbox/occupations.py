"""What the sandbox's members do and care about: job functions with their titles and skills, industries, interests.

The ids printed in the references mean here what they mean there as far as that can be told (function 10 is Finance in
001). Skills are numbered by twos from 200, titles from 100, in the order of this page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count

SENIORITIES = {
    1: "Unpaid",
    2: "Training",
    3: "Entry",
    4: "Senior",
    5: "Manager",
    6: "Director",
    7: "VP",
    8: "CXO",
    9: "Partner",
    10: "Owner",
}

# id, name, share of all members in percent | titles with their seniority | skills
FUNCTIONS = """
1 Accounting 4 | Accountant 3, Senior Accountant 4, Accounting Manager 5, Audit Partner 9 | Accounting, Auditing, Tax
2 Administrative 6 | Office Assistant 3, Executive Assistant 4, Office Manager 5 | Scheduling, Office Administration
3 Arts and Design 3 | Graphic Designer 3, Senior Product Designer 4, Art Director 6 | Graphic Design, User Experience
4 Business Development 8 | Business Development Representative 3, Business Development Manager 5, Founder 10 | Lead Generation, Partnerships
5 Community and Social Services 3 | Volunteer 1, Social Worker 3, Programme Director 6 | Fundraising, Volunteering
6 Consulting 3 | Consultant 3, Senior Consultant 4, Managing Partner 9 | Management Consulting, Change Management
7 Education 7 | Teacher 3, Senior Lecturer 4, Head of School 6 | Teaching, Curriculum Development
8 Engineering 8 | Engineering Intern 2, Mechanical Engineer 3, Senior Engineer 4, Engineering Manager 5, Chief Engineer 8 | Engineering, AutoCAD, Manufacturing
9 Entrepreneurship 3 | Owner 10, Co-Founder 10, Chief Executive Officer 8 | Entrepreneurship, Start-ups
10 Finance 5 | Financial Analyst 3, Senior Financial Analyst 4, Finance Manager 5, Finance Director 6, Chief Financial Officer 8 | Financial Analysis, Budgeting, Forecasting
11 Healthcare Services 5 | Nurse 3, Physician 4, Clinical Director 6 | Patient Care, Clinical Research
12 Human Resources 3 | Recruiter 3, HR Business Partner 4, HR Manager 5, Chief People Officer 8 | Recruiting, Employee Relations
13 Information Technology 7 | Software Developer 3, Senior Software Developer 4, IT Manager 5, IT Director 6, Chief Information Officer 8 | Java, Python, Cloud Computing, Cyber Security
14 Legal 1.5 | Paralegal 3, Attorney 4, General Counsel 8, Law Partner 9 | Contract Law, Compliance
15 Marketing 4 | Marketing Trainee 2, Marketing Specialist 3, Marketing Manager 5, Marketing Director 6, VP Marketing 7, Chief Marketing Officer 8 | Digital Marketing, Search Engine Optimization, Marketing Automation
16 Media and Communication 3 | Editor 3, Communications Manager 5, VP Communications 7 | Public Relations, Copywriting
17 Military and Protective Services 1.5 | Security Officer 3, Operations Officer 5 | Security, Emergency Management
18 Operations 8 | Operations Associate 3, Operations Manager 5, Operations Director 6, Chief Operating Officer 8 | Operations Management, Logistics
19 Product Management 1.5 | Product Owner 4, Product Manager 5, VP Product 7 | Product Management, Roadmapping
20 Program and Project Management 2.5 | Project Coordinator 3, Project Manager 5, Programme Director 6 | Project Management, Scrum
21 Purchasing 1.5 | Buyer 3, Purchasing Manager 5 | Procurement, Negotiation
22 Quality Assurance 1.5 | Test Engineer 3, Quality Manager 5 | Quality Assurance, Test Automation
23 Real Estate 1.5 | Real Estate Agent 3, Property Manager 5 | Real Estate, Property Management
24 Research 2.5 | Research Assistant 2, Research Scientist 4, Head of Research 6 | Research, Data Analysis, Statistics
25 Sales 9 | Sales Representative 3, Account Executive 4, Sales Manager 5, Sales Director 6, VP Sales 7, Chief Revenue Officer 8 | Sales, Account Management, Customer Relationship Management
26 Support 4 | Support Agent 3, Support Manager 5 | Customer Support, Technical Support
"""

# id, name, share in percent
INDUSTRIES = """
4 Computer Software 6
5 Computer Networking 1
6 Internet 4
8 Telecommunications 3
9 Law Practice 2
11 Management Consulting 4
12 Biotechnology 1
14 Hospital and Health Care 7
15 Pharmaceuticals 2
20 Sporting Goods 1
25 Consumer Goods 3
27 Retail 7
30 Leisure, Travel and Tourism 2
31 Hospitality 3
41 Banking 4
42 Insurance 3
43 Financial Services 6
44 Real Estate 3
46 Investment Management 1
47 Accounting 3
48 Construction 5
53 Automotive 3
55 Machinery 3
57 Oil and Energy 3
68 Higher Education 5
69 Education Management 5
75 Government Administration 4
80 Marketing and Advertising 3
96 Information Technology and Services 8
104 Staffing and Recruiting 2
116 Logistics and Supply Chain 3
118 Computer and Network Security 1
"""

INTERESTS = """
71363 Business and Management 89
420 Finance and Economy 82
2689786 Careers and Employment 80
3440 Leadership 76
1537154 Corporate Financial Planning 40
308 Artificial Intelligence 35
311 Cloud Computing 25
317 Cyber Security 18
322 Digital Marketing 28
331 Start-ups 22
340 Human Resources 20
352 Sustainability 24
361 Data Science 16
377 Supply Chain 12
389 Health Care 15
395 Arts and Culture 10
402 Sports 14
415 Travel 17
"""

PRODUCT_INTERESTS = """
9001 Customer Relationship Management Software 18
9002 Marketing Automation Software 12
9003 Business Intelligence Software 15
9004 Human Capital Management Software 9
9005 Project Management Software 20
9006 Endpoint Protection Software 6
9007 Video Conferencing Software 22
9008 Accounting Software 10
"""

GROUPS = """
3044917 Digital Marketing Circle 4
1864210 Finance Leaders 3
4073528 Java Developers 5
2258841 Human Resources Forum 6
6671033 Sales Best Practices 7
7012250 Sustainability Network 2
"""

SCHOOLS = """
1646 University of the North 7
2503 Polytechnic Institute 6
3159 City Business School 4
4477 State College 9
5219 Open University 8
6001 Academy of Arts 2
"""

DEGREES = """
100 High School 14
200 Bachelor's Degree 48
400 Master's Degree 27
500 Doctorate 4
700 Certificate 7
"""

FIELDS_OF_STUDY = """
100189 Business Administration 22
100209 Computer Science 14
100347 Economics 10
100356 Engineering 16
100448 Law 5
100569 Medicine 7
100722 Psychology 6
100990 Literature 5
101402 Design 5
101633 Education 10
"""

BEHAVIORS = """
1 Frequent Travelers 9
2 Recently Promoted 5
3 Open to Education 12
4 Job Seekers 10
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    id: int
    name: str
    seniority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFunction:
    id: int
    name: str
    share: float
    titles: tuple[Title, ...]
    skills: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Anything with a name and a share of all members, in percent."""

    id: int
    name: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    functions: tuple[JobFunction, ...]
    skills: Mapping[int, str]


@cache
def work() -> Work:
    title_ids, skill_ids = count(100), count(200, 2)
    skills: dict[int, str] = {}
    functions = []
    for line in FUNCTIONS.strip().splitlines():
        head, titles, taught = (part.strip() for part in line.split("|"))
        thing = _thing(head)
        own = {next(skill_ids): name.strip() for name in taught.split(",")}
        skills |= own
        jobs = tuple(_title(next(title_ids), text) for text in titles.split(","))
        functions.append(JobFunction(id=thing.id, name=thing.name, share=thing.share, titles=jobs, skills=tuple(own)))
    return Work(functions=tuple(functions), skills=skills)


@cache
def things(table: str) -> tuple[Thing, ...]:
    """The rows of one of this page's tables."""
    return tuple(_thing(line) for line in table.strip().splitlines())


def _thing(line: str) -> Thing:
    number, *name, share = line.split()
    return Thing(id=int(number), name=" ".join(name), share=float(share))


def _title(number: int, text: str) -> Title:
    *name, seniority = text.split()
    return Title(id=number, name=" ".join(name), seniority=int(seniority))
